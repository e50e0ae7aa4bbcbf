#include "ipc/server.hpp"

#include "base/quiet_thread.hpp"
#include "ipc/unix_path.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <utility>
#include <vector>

namespace mesh::ipc {
namespace {

/// After EMFILE and its kin; until then clients wait in the kernel's queue.
constexpr std::chrono::milliseconds accept_pause{100};

std::optional<uid_t> peer_of(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
    return peer.uid;
}

}  // namespace

bool is_us_or_root(uid_t peer) {
    return peer == 0 || peer == ::geteuid();
}

/// Where answers from other threads wait for the server's. Outlives it while a Reply does.
struct Server::Mailbox {
    std::mutex mutex;
    bool closed = false;
    std::vector<std::pair<std::uint64_t, std::string>> answers;
    Descriptor wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};

    void put(std::uint64_t id, std::string line) {
        const std::lock_guard lock(mutex);
        if (closed) return;
        answers.emplace_back(id, std::move(line));
        ring();
    }
    void close() {
        const std::lock_guard lock(mutex);
        closed = true;
        ring();
    }
    void ring() const { (void)!::eventfd_write(wake.get(), 1); }
};

Server::Server(
    BoundSocket socket, ServerSettings settings, Handler handler, const Clock& clock, Log& log)
    : socket_(std::move(socket)),
      settings_(std::move(settings)),
      handler_(std::move(handler)),
      clock_(clock),
      log_(log),
      mailbox_(std::make_shared<Mailbox>()) {
    if (!mailbox_->wake) throw std::runtime_error(system_error("eventfd", errno).message);
    if (!settings_.allows) settings_.allows = is_us_or_root;
    thread_ = quiet_thread("mesh-control", [this] { run(); });
}

Server::~Server() {
    mailbox_->close();
    thread_.join();
}

void Server::run() {
    while (turn()) {
    }
    conversations_.clear();
}

bool Server::turn() {
    std::vector<pollfd> polled{{mailbox_->wake.get(), POLLIN, 0},
                               {may_accept() ? socket_.fd() : -1, POLLIN, 0}};
    std::vector<std::uint64_t> ids;
    for (const auto& [id, conversation] : conversations_) {
        polled.push_back({conversation.fd(), conversation.events(), 0});
        ids.push_back(id);
    }
    ::poll(polled.data(), polled.size(), wait_milliseconds());

    eventfd_t rung = 0;
    (void)!::eventfd_read(mailbox_->wake.get(), &rung);
    deliver_answers();
    for (std::size_t i = 0; i < ids.size(); ++i)
        if (polled[i + 2].revents != 0) serve(conversations_.at(ids[i]));
    sweep();
    if (polled[1].revents != 0) accept();
    const std::lock_guard lock(mailbox_->mutex);
    return !mailbox_->closed || !mailbox_->answers.empty();
}

int Server::wait_milliseconds() const {
    std::optional<SteadyTime> next;
    const auto consider = [&](SteadyTime at) {
        if (!next || at < *next) next = at;
    };
    for (const auto& [id, conversation] : conversations_) consider(conversation.deadline());
    const SteadyTime now = clock_.steady_now();
    if (accept_after_ > now) consider(accept_after_);
    if (!next) return -1;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*next - now);
    return static_cast<int>(std::clamp<std::int64_t>(wait.count(), 0, 60'000));
}

/// Whoever only reads can give way; while all places are taken by work, clients wait in the queue.
bool Server::may_accept() const {
    if (clock_.steady_now() < accept_after_) return false;
    if (conversations_.size() < settings_.connections_max) return true;
    return std::any_of(conversations_.begin(), conversations_.end(), [](const auto& entry) {
        return entry.second.turn() == Conversation::Turn::reading;
    });
}

void Server::accept() {
    Descriptor fd(::accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    const SteadyTime now = clock_.steady_now();
    if (!fd) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            accept_after_ = now + accept_pause;
        return;
    }
    const auto peer = peer_of(fd.get());
    if (!peer || !settings_.allows(*peer)) {
        const std::string line = error_line("permission", "only mesh's own user and root") + '\n';
        (void)!::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        log_.warn("control_refused",
                  "somebody who may not tried to give commands",
                  {{"uid", peer ? std::int64_t{*peer} : std::int64_t{-1}}});
        return;
    }
    make_room();
    const std::uint64_t id = next_id_++;
    conversations_.try_emplace(id, id, std::move(fd), settings_.bounds, now);
}

/// The one that has been silent for longest gives way.
void Server::make_room() {
    if (conversations_.size() < settings_.connections_max) return;
    auto silent = conversations_.end();
    for (auto it = conversations_.begin(); it != conversations_.end(); ++it) {
        if (it->second.turn() != Conversation::Turn::reading) continue;
        if (silent == conversations_.end() || it->second.deadline() < silent->second.deadline())
            silent = it;
    }
    if (silent != conversations_.end()) conversations_.erase(silent);
}

void Server::deliver_answers() {
    std::vector<std::pair<std::uint64_t, std::string>> answers;
    {
        const std::lock_guard lock(mailbox_->mutex);
        answers.swap(mailbox_->answers);
    }
    for (auto& [id, line] : answers) {
        const auto found = conversations_.find(id);
        if (found == conversations_.end() || found->second.turn() != Conversation::Turn::answering)
            continue;
        found->second.answer(std::move(line), false, clock_.steady_now());
        // The next request may be here already, and nothing more would come to tell.
        if (found->second.turn() == Conversation::Turn::reading) serve(found->second);
    }
}

void Server::serve(Conversation& conversation) {
    if (conversation.turn() == Conversation::Turn::answering) {
        // The client hung up; what it asked for is done all the same.
        conversation.end();
        return;
    }
    auto request = conversation.on_ready(clock_.steady_now());
    if (!request) return;
    const auto once = std::make_shared<std::atomic<bool>>(false);
    handler_(std::move(*request),
             [mailbox = mailbox_, id = conversation.id(), once](std::string line) {
                 if (!once->exchange(true)) mailbox->put(id, std::move(line));
             });
}

void Server::sweep() {
    const SteadyTime now = clock_.steady_now();
    for (auto& [id, conversation] : conversations_) {
        if (now < conversation.deadline()) continue;
        if (conversation.turn() == Conversation::Turn::answering)
            conversation.answer(
                error_line("timeout", "the request is not answered in time"), true, now);
        else
            conversation.end();
    }
    std::erase_if(conversations_, [](const auto& entry) {
        return entry.second.turn() == Conversation::Turn::over;
    });
}

}  // namespace mesh::ipc
