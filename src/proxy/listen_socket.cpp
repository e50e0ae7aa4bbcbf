#include "proxy/listen_socket.hpp"

#include "proxy/socket_options.hpp"

#include <array>
#include <cerrno>
#include <optional>
#include <pwd.h>
#include <system_error>
#include <unistd.h>

namespace mesh::proxy {

namespace {

std::optional<SocketAddress> address_of(const model::ListenAddress& from, bool with_v6) {
    if (!from.host.empty()) return SocketAddress::parse(from.host, from.port);
    return with_v6 ? SocketAddress::any_v6(from.port) : SocketAddress::any_v4(from.port);
}

/// A bound socket, or nothing with errno set.
FileDescriptor bind_one(const SocketAddress& address, bool shared) {
    FileDescriptor fd(
        ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (!fd) return fd;
    set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (shared) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
    // ":443" takes IPv4 clients too; "[::]:443" is the same address, so it says the same.
    if (address.family() == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
    set_client_options(fd.get());
    if (::bind(fd.get(), address.data(), address.size()) == 0) return fd;
    const int error = errno;
    fd.reset();
    errno = error;
    return fd;
}

FileDescriptor listen_one(const SocketAddress& address, int backlog, bool shared) {
    FileDescriptor fd = bind_one(address, shared);
    if (!fd || ::listen(fd.get(), backlog) == 0) return fd;
    const int error = errno;
    fd.reset();
    errno = error;
    return fd;
}

bool no_ipv6(int error) {
    return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

std::string user_name() {
    const passwd* const user = ::getpwuid(::geteuid());
    return user != nullptr ? user->pw_name : std::to_string(::geteuid());
}

std::string explain(const model::ListenAddress& address,
                    const std::optional<SocketAddress>& where,
                    int error) {
    constexpr std::uint16_t first_unprivileged = 1024;
    const std::string subject = "cannot bind " + address.text();
    if (error == EACCES && address.port < first_unprivileged) {
        return subject + " as user " + user_name() +
               ": permission denied; give CAP_NET_BIND_SERVICE or use a port ≥ 1024";
    }
    if (error == EADDRINUSE && where) {
        const std::string owner = port_owner(*where);
        return subject + ": address already in use" + (owner.empty() ? "" : " by " + owner);
    }
    return subject + ": " + std::generic_category().message(error);
}

ListenSockets failure(const model::ListenAddress& address,
                      const std::optional<SocketAddress>& where,
                      int error) {
    return {{}, 0, error, explain(address, where, error)};
}

}  // namespace

ListenSockets listen_on(const model::ListenAddress& address,
                        std::size_t workers,
                        int backlog,
                        bool shared) {
    std::optional<SocketAddress> where = address_of(address, true);
    if (!where) return failure(address, where, EINVAL);
    FileDescriptor first = listen_one(*where, backlog, shared);
    if (!first && address.host.empty() && no_ipv6(errno)) {
        where = address_of(address, false);
        first = listen_one(*where, backlog, shared);
    }
    if (!first) return failure(address, where, errno);
    set_option(first.get(), SOL_SOCKET, SO_REUSEPORT, 1);

    ListenSockets out;
    const auto bound = SocketAddress::of_socket(first.get());
    out.port = bound ? bound->port() : address.port;
    where->set_port(out.port);
    out.per_worker.push_back(std::move(first));
    while (out.per_worker.size() < workers) {
        FileDescriptor next = listen_one(*where, backlog, true);
        if (!next) return failure(address, where, errno);
        out.per_worker.push_back(std::move(next));
    }
    return out;
}

}  // namespace mesh::proxy
