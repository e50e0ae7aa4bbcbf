#include "app/upgrade_offer.hpp"

#include "base/quiet_thread.hpp"

#include <algorithm>
#include <exception>
#include <memory>
#include <span>
#include <utility>

namespace mesh::app {
namespace {

using Kind = ipc::UpgradeMessage::Kind;
using std::chrono::steady_clock;

/// For what is neither the new process's getting ready nor its beginning to serve.
constexpr std::chrono::seconds step_time{10};
/// How often is looked whether a process that was told to serve lives.
constexpr std::chrono::milliseconds alive_look{200};
/// Between two tries of what must not be left undone.
constexpr std::chrono::milliseconds try_again{1'000};

ipc::UpgradeMessage message_of(Kind kind) {
    ipc::UpgradeMessage message;
    message.kind = kind;
    return message;
}

/// Why there is no answer, said of the new process.
std::string in_words(const Error& error) {
    if (error.code == Errc::timeout) return "the new process did not get ready in time";
    if (error.code == Errc::closed)
        return "the new process ended before it served; it may have said why in the log";
    return error.message;
}

/// Without words where there is no memory for them.
void note_reason(UpgradeOutcome& outcome, const std::exception& error) {
    try {
        outcome.summary = error.what();
    } catch (const std::exception&) {
        outcome.summary.clear();
    }
}

Error refused_by_successor(const ipc::UpgradeMessage& failed) {
    return {Errc::invalid, Origin::config, "the new process refuses to serve: " + failed.reason};
}

}  // namespace

UpgradeOffer::UpgradeOffer(ipc::Successor::Start program,
                           std::chrono::milliseconds ready_time,
                           Surroundings around)
    : program_(std::move(program)), ready_time_(ready_time), around_(std::move(around)) {
    auto ends = ipc::UpgradeChannel::make();
    if (!ends) throw_exception_from_error(ends.error(), BOOST_CURRENT_LOCATION);
    channel_.emplace(std::move(ends->first));
    theirs_.emplace(std::move(ends->second));
    thread_ = quiet_thread("mesh-upgrade", [this] { run(); });
}

UpgradeOffer::~UpgradeOffer() {
    abandon();
    leaving_ = true;
    channel_->interrupt();
    thread_.join();
}

/// The other end is told nothing, which would take a closed one for the end of this process: it
/// is ended before that.
void UpgradeOffer::abandon() {
    Stage before = Stage::talking;
    if (stage_.compare_exchange_strong(before, Stage::abandoned)) channel_->interrupt();
}

/// Nothing is thrown out of here, which would end the process: whatever happens, it serves.
void UpgradeOffer::run() {
    const UpgradeOutcome found = outcome();
    for (;;) {
        try {
            return around_.ended(found);
        } catch (const std::exception&) {
            if (leaving_ || !channel_->rest(steady_clock::now() + try_again)) return;
        }
    }
}

UpgradeOutcome UpgradeOffer::outcome() {
    UpgradeOutcome found;
    std::optional<ipc::Successor> successor;
    try {
        auto started = start();
        if (!started) {
            found.summary = "the new process cannot be started: " + started.error().message;
            return found;
        }
        successor.emplace(std::move(*started));
        found.pid = successor->pid();
        const Status agreed = converse(*successor);
        found.serving = agreed.has_value();
        if (agreed)
            found.summary = "pid " + std::to_string(found.pid) + " serves";
        else
            found.summary =
                stage_ == Stage::abandoned ? "mesh is stopping" : in_words(agreed.error());
    } catch (const std::exception& error) {
        note_reason(found, error);
    }
    if (found.serving || !successor) return found;
    if (stage_ == Stage::committed && leaving_) return found;
    withdraw(*successor);
    found.findings = std::move(findings_);
    return found;
}

Result<ipc::Successor> UpgradeOffer::start() {
    if (const Status expected = around_.expect_copies(); !expected) return expected.error();
    program_.descriptor = theirs_->fd();
    auto successor = ipc::Successor::start(program_);
    theirs_.reset();  // so that we are told when theirs is closed
    return successor;
}

Status UpgradeOffer::converse(const ipc::Successor& successor) {
    const Deadline ready_by = steady_clock::now() + ready_time_;
    ipc::UpgradeMessage offer = message_of(Kind::offer);
    offer.version = around_.version;
    offer.ready_within = ready_time_;
    offer.ticket_keys = std::exchange(around_.ticket_keys, {});
    if (const Status sent = channel_->send(offer, {}, ready_by); !sent) return sent;
    if (const Status offered = offer_sockets(ready_by); !offered) return offered;
    if (const Status ready = await_ready(ready_by); !ready) return ready;
    if (const Status committed = commit(); !committed) return committed;
    return await_serving(successor);
}

/// Either this or abandon() comes first, and the other one does nothing.
Status UpgradeOffer::commit() {
    Stage before = Stage::talking;
    if (!stage_.compare_exchange_strong(before, Stage::committed))
        return Error{Errc::cancelled, Origin::internal, "the upgrade is abandoned"};
    const Status sent =
        channel_->send(message_of(Kind::commit), {}, steady_clock::now() + step_time);
    if (!sent) stage_ = Stage::talking;  // it was not told
    return sent;
}

/// Without a deadline: who was told to serve may do so at any moment, and is never ended for being
/// slow. This process accepts as well meanwhile.
Status UpgradeOffer::await_serving(const ipc::Successor& successor) {
    while (!leaving_) {
        bool waited = false;
        try {
            const auto answer = hear(steady_clock::now() + alive_look);
            if (answer && answer->kind == Kind::serving) return {};
            waited = !answer && answer.error().code == Errc::timeout;
        } catch (const std::exception&) {
            // No memory for what it says, which is asked again: it lives, or it does not.
        }
        const Deadline now = steady_clock::now();
        if (successor.wait_end(waited ? now : now + alive_look))
            return Error{Errc::closed, Origin::internal, "the other process has ended"};
    }
    return Error{Errc::cancelled, Origin::internal, "mesh ended before the new process served"};
}

/// The descriptors that come here are closed as soon as they are sent: the sockets stay open in
/// the workers, and in the new process.
Status UpgradeOffer::offer_sockets(Deadline end) {
    const auto sockets = around_.sockets();
    if (!sockets) return with_context("the listening sockets", sockets.error());
    std::span<const proxy::InheritedSocket> left(*sockets);
    do {
        const auto some = left.first(std::min(left.size(), ipc::passed_sockets_max));
        left = left.subspan(some.size());
        ipc::UpgradeMessage message = message_of(Kind::sockets);
        message.last = left.empty();
        std::vector<int> descriptors;
        for (const proxy::InheritedSocket& socket : some) {
            message.sockets.push_back({socket.name, socket.any_port, socket.kept_elsewhere});
            descriptors.push_back(socket.socket.get());
        }
        if (const Status sent = channel_->send(message, descriptors, end); !sent) return sent;
    } while (!left.empty());
    return {};
}

Status UpgradeOffer::await_ready(Deadline end) {
    for (;;) {
        const auto message = hear(end);
        if (!message) return message.error();
        if (message->kind == Kind::ready) return {};
        if (message->kind != Kind::store_wanted || store_given_up_)
            return Error{Errc::invalid,
                         Origin::internal,
                         "the new process says " + std::string(to_string(message->kind)) +
                             " before it is ready"};
        store_given_up_ = true;
        if (const Status given_up = around_.give_up_store(); !given_up) return given_up;
        if (const Status sent = channel_->send(message_of(Kind::store_released), {}, end); !sent)
            return sent;
    }
}

/// Errors: also what the new process has to say for itself.
Result<ipc::UpgradeMessage> UpgradeOffer::hear(Deadline end) {
    auto received = channel_->receive(end);
    if (!received) return received.error();
    if (received->message.kind == Kind::failed) {
        findings_ = std::move(received->message.findings);
        return refused_by_successor(received->message);
    }
    return std::move(received->message);
}

/// It must be gone before the store is ours again, and before it sees our end closed.
void UpgradeOffer::withdraw(const ipc::Successor& successor) {
    successor.kill();
    (void)successor.wait_end(steady_clock::now() + step_time);
    while (store_given_up_) {
        try {
            around_.take_store_back();
            return;
        } catch (const std::exception&) {
            // No thread is left, or no memory: nothing is ordered until there is.
            if (!channel_->rest(steady_clock::now() + try_again)) return;
        }
    }
}

}  // namespace mesh::app
