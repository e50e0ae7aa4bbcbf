// One process replaces another without a connection noticing: this one's part when it is replaced,
// and when it replaces. docs/upgrade.md tells the whole conversation.
#include "app/application.hpp"
#include "app/version.hpp"

#include <cerrno>
#include <exception>
#include <future>
#include <memory>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace mesh::app {
namespace {

/// For what only other threads of this process are waited for.
constexpr std::chrono::seconds own_threads_time{10};
constexpr std::chrono::milliseconds ready_look{50};
constexpr std::chrono::milliseconds serving_look{100};
constexpr std::chrono::milliseconds hand_over_again{100};
constexpr std::chrono::milliseconds listen_retry = std::chrono::seconds{10};
constexpr std::chrono::seconds patience_with_challenges{5};
constexpr std::chrono::seconds patience_with_silent_providers{10};
constexpr std::chrono::seconds patience_with_busy_providers{30};

std::string what_keeps_from_running(const std::string& program) {
    struct stat status {};
    if (::stat(program.c_str(), &status) != 0)
        return program + ": " + std::generic_category().message(errno);
    if (!S_ISREG(status.st_mode)) return program + " is no file";
    if (::access(program.c_str(), X_OK) != 0) return program + " may not be executed";
    // It gets what no other process may see.
    if ((status.st_mode & S_IWOTH) != 0) return program + " may be changed by everybody: chmod o-w";
    return {};
}

}  // namespace

// ---- this process is replaced -------------------------------------------------------------------

void Application::upgrade(const UpgradeRequest& request,
                          std::function<void(const UpgradeOutcome&)> done) {
    ipc::Successor::Start start;
    start.program = request.program.empty() ? command_line_.program : request.program;
    if (std::string objection = objection_to_upgrade(start.program); !objection.empty())
        return done({false, 0, std::move(objection), {}});
    start.arguments = command_line_.arguments;
    start.arguments.front() = start.program;
    start.environment = own_environment();
    for (std::string& variable : supervisor_.environment())
        start.environment.push_back(std::move(variable));
    start.environment.push_back("MESH_UPGRADE_FD=" +
                                std::to_string(ipc::Successor::passed_descriptor));
    log_.info("upgrade_started",
              "another process is started to take this one's place",
              {{"program", start.program}});
    upgrade_done_.push_back(std::move(done));
    try {
        offer_ = std::make_unique<UpgradeOffer>(
            std::move(start), request.ready_within, offer_surroundings());
    } catch (const std::exception& error) {
        upgrade_ended({false, 0, error.what(), {}});
    }
}

/// Why not; empty: nothing is against it.
std::string Application::objection_to_upgrade(const std::string& program) const {
    if (draining_) return "mesh is stopping";
    if (offer_) return "another upgrade is running";
    if (::getpid() == 1)
        return "mesh is process 1 here, and its end would be the container's: replace the "
               "container";
    if (!supervisor_.is_watched())
        if (std::string init = init_that_follows_one_child(); !init.empty())
            return "process 1 here (" + init +
                   ") follows the process it started, and ends everything when that one does: "
                   "replace the container";
    if (command_line_.arguments.empty() || program.empty())
        return "the system does not tell how this process was started";
    return what_keeps_from_running(program);
}

UpgradeOffer::Surroundings Application::offer_surroundings() {
    UpgradeOffer::Surroundings around;
    around.version = version();
    around.ticket_keys = data_plane_->ticket_keys();
    around.expect_copies = [this] { return expect_copies(); };
    around.sockets = [this] { return sockets_to_pass(); };
    store::Store* const store = store_.get();
    around.give_up_store = [this, store] { return give_up(store); };
    around.take_store_back = [this, store, path = store_path_, told = false]() mutable {
        if (store == nullptr) return;
        try {
            store->take_back();
        } catch (const std::exception& error) {
            if (!std::exchange(told, true))
                log_.error("store_degraded",
                           "the store cannot be owned again yet; what is stored is served on",
                           {{"storage", path}, {"reason", error.what()}});
            throw;
        }
    };
    around.ended = [this](UpgradeOutcome outcome) {
        loop_.post([this, outcome = std::move(outcome)] { upgrade_ended(outcome); });
    };
    return around;
}

/// Not on the control thread.
Status Application::expect_copies() {
    auto promise = std::make_shared<std::promise<void>>();
    auto known = promise->get_future();
    data_plane_->expect_copies(true, [promise] { promise->set_value(); });
    if (known.wait_for(own_threads_time) == std::future_status::ready) return {};
    return Error{Errc::timeout, Origin::internal, "a worker does not answer"};
}

/// Not on the control thread.
Result<std::vector<proxy::InheritedSocket>> Application::sockets_to_pass() {
    using Sockets = Result<std::vector<proxy::InheritedSocket>>;
    auto promise = std::make_shared<std::promise<Sockets>>();
    auto answer = promise->get_future();
    data_plane_->listening_sockets(
        [promise](Sockets sockets) { promise->set_value(std::move(sockets)); });
    if (answer.wait_for(own_threads_time) != std::future_status::ready)
        return Error{Errc::timeout, Origin::internal, "a worker does not answer"};
    return answer.get();
}

/// Not on the control thread. Orders first, so that nothing of theirs is on its way to the disk.
Status Application::give_up(store::Store* store) {
    const Status stopped = on_control([this] {
        challenges_left_.emplace();
        if (reconciler_) challenges_left_ = reconciler_->stop_for_another();
    });
    if (!stopped) return stopped;
    if (store != nullptr) store->give_up();
    return {};
}

void Application::upgrade_ended(const UpgradeOutcome& outcome) {
    data_plane_->expect_copies(false, {});
    if (outcome.serving) return leave_to(outcome);
    log_.error("upgrade_failed",
               "no other process takes this one's place; this one goes on",
               {{"reason", outcome.summary}, {"findings", std::uint64_t{outcome.findings.size()}}});
    for (const std::string& finding : outcome.findings) log_.error("upgrade_finding", finding);
    offer_.reset();
    order_again();
    if (std::exchange(refused_for_upgrade_, false)) {
        read_whole_ = true;
        request_refresh();
    }
    listen_again();  // the other process may have taken the socket before it failed
    tell_outcome(outcome);
    if (draining_) wind_down();
}

/// A process on its way was given the sockets that were here before: it would find an address that
/// is bound now taken, and nobody would listen there once this process is gone.
std::vector<proxy::BindFailure> Application::refused_bindings(const FreshConfiguration& fresh) {
    std::vector<proxy::BindFailure> refused;
    if (!offer_) return refused;
    for (const auto& entry_point : data_plane_->unbound(*fresh.snapshot))
        refused.push_back({entry_point->name,
                           entry_point->address,
                           EBUSY,
                           "cannot bind " + entry_point->address.text() +
                               " now: an upgrade is running, whose process opens it when it "
                               "serves; if it fails, reload again"});
    if (!refused.empty() && !fresh.asked) refused_for_upgrade_ = true;
    return refused;
}

/// Until commands find this process: the other one may not be quite gone, or a descriptor is
/// missing.
void Application::listen_again() {
    if (draining_ || offer_) return;
    listen_for_commands();
    if (!is_found_by_commands()) loop_.post_after(listen_retry, [this] { listen_again(); });
}

void Application::tell_outcome(const UpgradeOutcome& outcome) {
    for (const auto& done : std::exchange(upgrade_done_, {})) done(outcome);
}

/// The service manager is told before the other process is left alone, which may not speak to it
/// before that; whoever asked, when nobody who connects from then on comes here.
void Application::leave_to(const UpgradeOutcome& outcome) {
    log_.info("upgraded",
              "another process serves; this one stays until its last connection has ended",
              {{"pid", std::int64_t{outcome.pid}}, {"open", data_plane_->counters().open}});
    successor_ = outcome.pid;
    if (draining_) {  // told to stop just before, which has its time
        tell_outcome(outcome);
        return when_handed_over([this] { wind_down(); });
    }
    draining_ = true;
    replaced_ = true;
    providers_->stop();
    checks_->stop();
    expiry_.watch({});
    // The process ends when the connections have, none of which is ended for its sake, whoever
    // asked is told, and so is the service manager.
    const auto stop_at_last = [this, left = std::make_shared<int>(3)] {
        if (--*left == 0) loop_.stop();
    };
    when_handed_over(stop_at_last);
    data_plane_->drain([this, stop_at_last] {
        log_.info("stopped", "all connections have ended", {{"cut", std::uint64_t{0}}});
        loop_.post(stop_at_last);
    });
    data_plane_->when_all_turned([this, stop_at_last, outcome] {
        loop_.post([this, stop_at_last, outcome] {
            tell_outcome(outcome);
            stop_at_last();
        });
    });
}

/// The service manager may have too much to hear for a while; the other process waits as long for
/// its being left alone. At once where there is none.
void Application::when_handed_over(std::function<void()> then) {
    if (!successor_ || supervisor_.hand_over(*successor_)) {
        if (successor_) offer_.reset();
        return then();
    }
    loop_.post_after(hand_over_again, [this, then = std::move(then)] { when_handed_over(then); });
}

/// Whatever the other process did with the orders is in the store, new certificates too.
void Application::order_again() {
    const auto left = std::exchange(challenges_left_, std::nullopt);
    if (!left || draining_ || !store_) return;
    for (const Hostname& name : *left) data_plane_->remove_challenge(name);
    if (auto certificates = store_->served_certificates()) {
        keep_stored(*std::move(certificates));
        for (const certs::EntryPtr& entry : stored_entries(stored_))
            data_plane_->put_certificate(entry, nullptr);
    }
    orders_ = false;
    reconciler_.reset();
    start_certificate_side();
    keep_configuration();
}

/// Runs `task` there and waits for it. Errors: timeout; cancelled: the loop has ended.
Status Application::on_control(std::function<void()> task) {
    auto promise = std::make_shared<std::promise<void>>();
    auto done = promise->get_future();
    loop_.post([promise, task = std::move(task)] {
        task();
        promise->set_value();
    });
    promise.reset();  // a loop that has ended drops its own, which is an answer too
    if (done.wait_for(own_threads_time) != std::future_status::ready)
        return Error{Errc::timeout, Origin::internal, "the control thread does not answer"};
    try {
        done.get();
    } catch (const std::future_error&) {
        return Error{Errc::cancelled, Origin::internal, "mesh is stopping"};
    }
    return {};
}

// ---- this process replaces another --------------------------------------------------------------

/// Its routes are not to be poorer than those of the process that serves, nor is a CA to find
/// nobody who answers it.
bool Application::is_ready_to_take_over(std::chrono::nanoseconds waited,
                                        std::chrono::milliseconds left) const {
    const auto patience = providers_->are_about_to_report() ? patience_with_busy_providers
                                                            : patience_with_silent_providers;
    if (!providers_->all_applied() && waited < affordable(patience, left)) return false;
    const bool answers = !reconciler_ || (orders_ && reconciler_->answers_the_cas());
    return answers || waited >= affordable(patience_with_challenges, left);
}

/// `left` until this process is to be ready, when it began to wait.
void Application::look_whether_ready(SteadyTime since, std::chrono::milliseconds left) {
    if (draining_) return;
    if (!is_ready_to_take_over(clock_.steady_now() - since, left))
        return loop_.post_after(ready_look,
                                [this, since, left] { look_whether_ready(since, left); });
    const auto give_up = [this](const Error& why) {
        loop_.post([this, why] { give_up_taking_over(why); });
    };
    const auto go_alone = [this] {
        loop_.post([this] {
            report_ready();
            takeover_.reset();
        });
    };
    try {
        takeover_->ready({[this] { return serve_in_place(); }, go_alone, give_up});
    } catch (const std::exception& error) {
        give_up({Errc::limit, Origin::internal, error.what()});
    }
}

/// Not on the control thread. As long as it takes: the other process serves too until it hears that
/// this one does, and one that was told to serve and does not is worse than one that is late.
/// Errors: cancelled: this process ends.
Status Application::serve_in_place() {
    auto promise = std::make_shared<std::promise<bool>>();
    auto serving = promise->get_future();
    loop_.post([this, promise] {
        if (draining_) return promise->set_value(false);
        data_plane_->accept();
        data_plane_->when_all_turned([this, promise] {
            loop_.post([this, promise] {
                if (!draining_) take_over();
                promise->set_value(!draining_);
            });
        });
    });
    promise.reset();  // a loop that has ended drops its own, which is an answer too
    const Error stopping{Errc::cancelled, Origin::internal, "mesh is stopping"};
    while (serving.wait_for(serving_look) != std::future_status::ready)
        if (ending_) return stopping;
    try {
        if (serving.get()) return {};
    } catch (const std::future_error&) {
        // It has been dropped.
    }
    return stopping;
}

/// Every worker accepts.
void Application::take_over() {
    serves_ = true;
    if (reconciler_) reconciler_->release();
    announce();
    keep_configuration();
    // Of what changed since this process read it the one before was told, not this one.
    read_whole_ = true;
    request_refresh();
}

void Application::give_up_taking_over(const Error& why) {
    if (draining_) return;  // it ends when that is over
    log_.error("upgrade_failed",
               "the running mesh does not leave its place to this one, which ends",
               {{"reason", why.message}});
    loop_.stop();
}

}  // namespace mesh::app
