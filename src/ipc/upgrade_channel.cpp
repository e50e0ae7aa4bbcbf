#include "ipc/upgrade_channel.hpp"

#include "ipc/unix_path.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <string>
#include <sys/eventfd.h>
#include <sys/socket.h>

namespace mesh::ipc {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t control_size = CMSG_SPACE(passed_sockets_max * sizeof(int));

Error channel_closed() {
    return {Errc::closed, Origin::internal, "the other process has ended"};
}

/// They are ours from here on, wanted or not.
std::vector<Descriptor> take_descriptors(const msghdr& header) {
    std::vector<Descriptor> taken;
    for (const cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
         part = CMSG_NXTHDR(const_cast<msghdr*>(&header),   // NOLINT: the macro's type
                            const_cast<cmsghdr*>(part))) {  // NOLINT
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
            taken.emplace_back(fd);
        }
    }
    return taken;
}

}  // namespace

Result<std::pair<UpgradeChannel, UpgradeChannel>> UpgradeChannel::make() {
    std::array<int, 2> ends{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
        return system_error("socketpair", errno);
    Descriptor other(ends[1]);
    auto one = over(Descriptor(ends[0]));
    if (!one) return one.error();
    auto two = over(std::move(other));
    if (!two) return two.error();
    return std::pair(std::move(*one), std::move(*two));
}

Result<UpgradeChannel> UpgradeChannel::over(Descriptor end) {
    Descriptor interrupted(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!interrupted) return system_error("eventfd", errno);
    return UpgradeChannel(std::move(end), std::move(interrupted));
}

Status UpgradeChannel::wait_for(short events, Deadline end) const {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - steady_clock::now());
        if (left.count() <= 0)
            return Error{
                Errc::timeout, Origin::internal, "the other process does not answer in time"};
        std::array<pollfd, 2> polled{{{interrupted_.get(), POLLIN, 0}, {end_.get(), events, 0}}};
        const int ready = ::poll(polled.data(),
                                 polled.size(),
                                 static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
        if (ready < 0 && errno != EINTR) return system_error("poll", errno);
        if (ready <= 0) continue;
        if (polled[0].revents != 0)
            return Error{Errc::cancelled, Origin::internal, "the conversation is broken off"};
        return {};
    }
}

Status UpgradeChannel::send(const UpgradeMessage& message,
                            std::span<const int> descriptors,
                            Deadline end) const {
    std::string text = encode(message);
    iovec part{text.data(), text.size()};
    alignas(cmsghdr) std::array<unsigned char, control_size> control{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (!descriptors.empty()) {
        header.msg_control = control.data();
        header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
        cmsghdr* const rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
        std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
    }
    while (::sendmsg(end_.get(), &header, MSG_NOSIGNAL) < 0) {
        if (errno == EPIPE || errno == ECONNRESET) return channel_closed();
        if (errno != EAGAIN && errno != EINTR) return system_error("sendmsg", errno);
        if (const Status ready = wait_for(POLLOUT, end); !ready) return ready;
    }
    return {};
}

Result<UpgradeChannel::Received> UpgradeChannel::receive(Deadline end) const {
    std::string text(upgrade_message_max, '\0');
    alignas(cmsghdr) std::array<unsigned char, control_size> control{};
    iovec part{text.data(), text.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    ssize_t got = -1;
    while ((got = ::recvmsg(end_.get(), &header, MSG_CMSG_CLOEXEC)) < 0) {
        if (errno == ECONNRESET) return channel_closed();
        if (errno != EAGAIN && errno != EINTR) return system_error("recvmsg", errno);
        if (const Status ready = wait_for(POLLIN, end); !ready) return ready.error();
        header.msg_controllen = control.size();
    }
    Received received;
    received.descriptors = take_descriptors(header);
    if (got == 0) return channel_closed();
    if ((header.msg_flags & MSG_CTRUNC) != 0)
        return Error{Errc::limit, Origin::internal, "no descriptors are left for the sockets"};
    if ((header.msg_flags & MSG_TRUNC) != 0)
        return Error{Errc::limit, Origin::internal, "a message of the other process is too long"};
    auto message =
        decode_upgrade_message(std::string_view(text).substr(0, static_cast<std::size_t>(got)));
    if (!message) return message.error();
    received.message = std::move(*message);
    if (received.descriptors.size() != received.message.sockets.size())
        return Error{Errc::invalid,
                     Origin::internal,
                     "a message of the other process has more or fewer sockets than it says"};
    return received;
}

bool UpgradeChannel::wait_closed(Deadline end) const {
    // An answer to what was said before is of no interest any more.
    for (;;) {
        const auto received = receive(end);
        if (received) continue;
        return received.error().code == Errc::closed;
    }
}

void UpgradeChannel::interrupt() const {
    (void)!::eventfd_write(interrupted_.get(), 1);
}

bool UpgradeChannel::rest(Deadline end) const {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - steady_clock::now());
        pollfd polled{interrupted_.get(), POLLIN, 0};
        const int ready =
            ::poll(&polled, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000)));
        if (ready > 0) return false;
        if (left.count() <= 0) return true;
    }
}

bool UpgradeChannel::is_closed() const {
    pollfd polled{end_.get(), 0, 0};
    return ::poll(&polled, 1, 0) > 0 && (polled.revents & (POLLHUP | POLLERR)) != 0;
}

Result<pid_t> UpgradeChannel::maker() const {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(end_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return system_error("SO_PEERCRED", errno);
    return peer.pid;
}

}  // namespace mesh::ipc
