#include "proxy/inherited_socket.hpp"

#include "proxy/socket_options.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>

namespace mesh::proxy {

namespace {

int option(int fd, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

/// 0, or why this is no listener of ours.
int what_is_wrong_with(int fd) {
    const int domain = option(fd, SO_DOMAIN);
    if (domain < 0) return errno;
    if (domain != AF_INET && domain != AF_INET6) return EAFNOSUPPORT;
    if (option(fd, SO_PROTOCOL) != IPPROTO_TCP) return EPROTOTYPE;
    return option(fd, SO_ACCEPTCONN) == 1 ? 0 : EINVAL;
}

bool same_address(const SocketAddress& a, const SocketAddress& b) {
    return a.family() == b.family() && a.port() == b.port() && a.ip() == b.ip();
}

}  // namespace

InheritedSocket inherit(FileDescriptor descriptor, std::string name, int backlog) {
    InheritedSocket out;
    out.name = std::move(name);
    const int fd = descriptor.get();
    if (const int wrong = what_is_wrong_with(fd); wrong != 0) {
        descriptor.reset();
        errno = wrong;
        return out;
    }
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    set_client_options(fd);
    ::listen(fd, backlog);  // listens already; only the backlog changes
    const auto bound = SocketAddress::of_socket(fd);
    if (!bound) return out;
    out.bound = *bound;
    out.socket = std::move(descriptor);
    return out;
}

bool serves(const InheritedSocket& socket,
            const model::ListenAddress& address,
            const std::string& entry_point) {
    if (!socket.socket || socket.any_port != (address.port == 0)) return false;
    const std::uint16_t port = socket.any_port ? socket.bound.port() : address.port;
    if (socket.any_port && socket.name != entry_point) return false;
    if (address.host.empty())
        return same_address(socket.bound, SocketAddress::any_v6(port)) ||
               same_address(socket.bound, SocketAddress::any_v4(port));
    const auto wanted = SocketAddress::parse(address.host, port);
    return wanted && same_address(socket.bound, *wanted);
}

FileDescriptor duplicate(const FileDescriptor& descriptor) {
    return FileDescriptor(::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, 0));
}

bool is_in_the_way(const InheritedSocket& socket, const model::ListenAddress& address) {
    if (!socket.socket || address.port == 0 || socket.bound.port() != address.port) return false;
    const auto wanted = SocketAddress::parse(address.host, address.port);
    const auto takes_every_host = [](const SocketAddress& one) {
        return same_address(one, SocketAddress::any_v6(one.port())) ||
               same_address(one, SocketAddress::any_v4(one.port()));
    };
    return !wanted || takes_every_host(*wanted) || takes_every_host(socket.bound) ||
           same_address(*wanted, socket.bound);
}

std::vector<std::vector<FileDescriptor>> deal(const std::vector<const InheritedSocket*>& sockets,
                                              std::size_t workers) {
    std::vector<std::vector<FileDescriptor>> dealt(workers);
    std::vector<const InheritedSocket*> left = sockets;
    while (!left.empty()) {
        const SocketAddress address = left.front()->bound;
        const auto others = std::stable_partition(left.begin(), left.end(), [&](const auto* one) {
            return same_address(one->bound, address);
        });
        const auto count = static_cast<std::size_t>(others - left.begin());
        for (std::size_t i = 0; i < std::max(count, workers); ++i) {
            FileDescriptor one = duplicate(left[i % count]->socket);
            if (!one) {
                const int error = errno;
                for (auto& list : dealt) list.clear();
                errno = error;
                return dealt;
            }
            dealt[i % workers].push_back(std::move(one));
        }
        left.erase(left.begin(), others);
    }
    return dealt;
}

}  // namespace mesh::proxy
