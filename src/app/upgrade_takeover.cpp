#include "app/upgrade_takeover.hpp"

#include "base/quiet_thread.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace mesh::app {
namespace {

using Kind = ipc::UpgradeMessage::Kind;
using std::chrono::steady_clock;

constexpr std::chrono::seconds patience_for_a_step{10};
/// The other process ends the steps of its orders, and writes what is queued.
constexpr std::chrono::seconds patience_for_store{20};
/// Of an older version, which does not say what it leaves.
constexpr std::chrono::seconds usual_ready_time{45};
/// With that much left, nothing has to be hurried.
constexpr std::chrono::milliseconds ample_time{35'000};
/// A process that is being killed is gone soon after its end of the channel.
constexpr std::chrono::seconds patience_for_death{5};

ipc::UpgradeMessage saying(Kind kind) {
    ipc::UpgradeMessage message;
    message.kind = kind;
    return message;
}

bool leads_to_a_process(int fd) {
    int type = 0;
    socklen_t size = sizeof type;
    return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

}  // namespace

std::chrono::milliseconds affordable(std::chrono::milliseconds patience,
                                     std::chrono::milliseconds left) {
    return left >= ample_time ? patience : patience * left.count() / ample_time.count();
}

Result<std::unique_ptr<UpgradeTakeover>> UpgradeTakeover::begin() {
    const char* const named = std::getenv("MESH_UPGRADE_FD");  // NOLINT: one thread
    const std::string text = named != nullptr ? named : "";
    ::unsetenv("MESH_UPGRADE_FD");  // NOLINT: one thread
    if (text.empty()) return std::unique_ptr<UpgradeTakeover>();
    int fd = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), fd);
    if (error != std::errc{} || end != text.data() + text.size() || !leads_to_a_process(fd))
        return Error{Errc::invalid,
                     Origin::config,
                     "MESH_UPGRADE_FD leads to no mesh that is to be replaced; mesh upgrade sets "
                     "it, nobody else"};
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    auto takeover = over(ipc::Descriptor(fd));
    if (!takeover) return with_context("taking over from the running mesh", takeover.error());
    return takeover;
}

Result<std::unique_ptr<UpgradeTakeover>> UpgradeTakeover::over(ipc::Descriptor end) {
    auto channel = ipc::UpgradeChannel::over(std::move(end));
    if (!channel) return channel.error();
    const auto number = channel->maker();
    if (!number) return number.error();
    auto handle = ipc::ProcessHandle::open(*number);
    std::optional<ipc::ProcessHandle> running;
    // Closed this early, it is the end of a process that is gone, whose number may be another's.
    if (!channel->is_closed()) {
        if (!handle) return handle.error();
        running = std::move(*handle);
    }
    std::unique_ptr<UpgradeTakeover> takeover(
        new UpgradeTakeover(std::move(*channel), std::move(running)));
    if (const Status heard = takeover->hear_offer(); !heard) return heard.error();
    return takeover;
}

UpgradeTakeover::~UpgradeTakeover() {
    channel_.interrupt();
    if (thread_.joinable()) thread_.join();
}

Status UpgradeTakeover::hear_offer() {
    const auto end = steady_clock::now() + patience_for_a_step;
    auto offer = channel_.receive(end);
    if (!offer) {
        if (offer.error().code == Errc::unsupported) fail(offer.error().message);
        return offer.error();
    }
    if (offer->message.kind != Kind::offer)
        return Error{Errc::invalid, Origin::internal, "it does not begin with its offer"};
    ticket_keys_ = std::move(offer->message.ticket_keys);
    ready_by_ = steady_clock::now() + (offer->message.ready_within.count() > 0
                                           ? offer->message.ready_within
                                           : std::chrono::milliseconds(usual_ready_time));
    for (bool last = false; !last;) {
        auto some = channel_.receive(end);
        if (!some) return some.error();
        if (some->message.kind != Kind::sockets)
            return Error{Errc::invalid, Origin::internal, "it does not go on with its sockets"};
        last = some->message.last;
        std::move(some->message.sockets.begin(),
                  some->message.sockets.end(),
                  std::back_inserter(sockets_));
        std::move(
            some->descriptors.begin(), some->descriptors.end(), std::back_inserter(descriptors_));
    }
    return {};
}

std::vector<proxy::InheritedSocket> UpgradeTakeover::take_sockets(int backlog, Log& log) {
    std::vector<proxy::InheritedSocket> taken;
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
        proxy::InheritedSocket socket = proxy::inherit(
            proxy::FileDescriptor(descriptors_[i].release()), sockets_[i].name, backlog);
        socket.any_port = sockets_[i].any_port;
        socket.kept_elsewhere = sockets_[i].kept;
        if (socket.socket)
            taken.push_back(std::move(socket));
        else
            log.warn("passed_socket_unused",
                     "a descriptor passed by the running mesh is no listening TCP socket",
                     {{"name", sockets_[i].name}, {"reason", std::strerror(errno)}});
    }
    return taken;
}

void UpgradeTakeover::obtain_store() {
    const auto end = steady_clock::now() + affordable(patience_for_store, time_left());
    // Whatever comes instead of a release, the lock says whose the store is.
    if (channel_.send(saying(Kind::store_wanted), {}, end)) (void)channel_.receive(end);
}

void UpgradeTakeover::fail(const std::string& reason, std::vector<std::string> findings) {
    ipc::UpgradeMessage failed = saying(Kind::failed);
    failed.reason = reason;
    failed.findings = std::move(findings);
    (void)channel_.send(failed, {}, steady_clock::now() + patience_for_a_step);
}

std::chrono::milliseconds UpgradeTakeover::time_left() const {
    using std::chrono::milliseconds;
    const auto left = std::chrono::floor<milliseconds>(ready_by_ - steady_clock::now());
    return std::max(left, milliseconds{0});
}

void UpgradeTakeover::ready(Steps steps) {
    thread_ = quiet_thread("mesh-upgrade", [this, steps = std::move(steps)] { follow(steps); });
}

void UpgradeTakeover::follow(const Steps& steps) {
    if (const Status told = await_commit(); !told) return steps.give_up(told.error());
    // Not until it does: the other process ends once it hears that this one serves.
    if (const Status serving = steps.serve(); !serving) return steps.give_up(serving.error());
    const auto end = steady_clock::now() + patience_for_a_step;
    if (channel_.send(saying(Kind::serving), {}, end)) (void)channel_.wait_closed(end);
    steps.go_alone();
}

/// Returns when this process is to serve: told to, or the only one left. Errors: it is not to.
Status UpgradeTakeover::await_commit() {
    const Status said =
        channel_.send(saying(Kind::ready), {}, steady_clock::now() + patience_for_a_step);
    if (!said) return confirm_death(said.error());
    const auto answer = channel_.receive(steady_clock::now() + time_left() + patience_for_a_step);
    if (!answer) return confirm_death(answer.error());
    if (answer->message.kind == Kind::commit) return {};
    return Error{Errc::invalid, Origin::internal, "the running mesh does not say whether to serve"};
}

/// The running mesh may have closed its end since it wants this process no more, and serves.
Status UpgradeTakeover::confirm_death(const Error& closed) const {
    if (closed.code != Errc::closed) return closed;
    if (!running_ || running_->wait_end(steady_clock::now() + patience_for_death)) return {};
    return Error{Errc::cancelled,
                 Origin::internal,
                 "the running mesh wants this process no more, and lives"};
}

}  // namespace mesh::app
