#include "proxy/health_checks.hpp"

#include "base/quiet_thread.hpp"
#include "proxy/health_round.hpp"

#include <cerrno>
#include <map>
#include <mutex>
#include <sys/eventfd.h>
#include <system_error>
#include <thread>
#include <utility>

namespace mesh::proxy {

/// What others tell the thread.
struct HealthChecks::State {
    State(Log& to, const Settings& with) : log(to), settings(with) {}

    void ring() const { (void)::eventfd_write(wake.get(), 1); }
    void run();
    [[nodiscard]] bool take_news(HealthRound& round);

    Log& log;
    const Settings settings;
    FileDescriptor wake;
    std::mutex mutex;
    bool stopping = false;
    std::optional<std::vector<CheckedServer>> wanted;
    std::map<std::string, std::vector<std::string>> heard;  ///< addresses, since it looked
    std::thread thread;
};

void HealthChecks::State::run() {
    HealthRound round(log, settings);
    while (take_news(round)) {
        round.begin_due();
        round.wait(wake.get());
    }
}

/// False: nobody is to be looked at any more.
bool HealthChecks::State::take_news(HealthRound& round) {
    std::optional<std::vector<CheckedServer>> servers;
    std::map<std::string, std::vector<std::string>> addresses;
    {
        const std::lock_guard lock(mutex);
        if (stopping) return false;
        servers.swap(wanted);
        addresses.swap(heard);
    }
    for (auto& [host, literals] : addresses) round.learn(host, std::move(literals));
    if (servers) round.replace(std::move(*servers));
    return true;
}

HealthChecks::HealthChecks(Log& log, const Settings& settings)
    : state_(std::make_unique<State>(log, settings)) {}

HealthChecks::~HealthChecks() {
    stop();
    if (state_->thread.joinable()) state_->thread.join();
}

void HealthChecks::stop() {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    if (state_->thread.joinable()) state_->ring();
}

Status HealthChecks::set_servers(std::vector<CheckedServer> servers) {
    const std::lock_guard lock(state_->mutex);
    const bool is_idle = !state_->thread.joinable();
    if (state_->stopping || (is_idle && servers.empty())) return {};
    state_->wanted = std::move(servers);
    if (!is_idle) {
        state_->ring();
        return {};
    }
    if (!state_->wake) state_->wake = FileDescriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!state_->wake)
        return Error{Errc::limit,
                     mesh::Origin::internal,
                     "no descriptor: " + std::generic_category().message(errno)};
    try {
        state_->thread = quiet_thread("mesh-checks", [state = state_.get()] { state->run(); });
    } catch (const std::system_error& error) {
        return Error{
            Errc::limit, mesh::Origin::internal, std::string("no thread: ") + error.what()};
    }
    return {};
}

void HealthChecks::set_addresses(const std::string& host,
                                 const std::vector<std::string>& ip_literals) {
    const std::lock_guard lock(state_->mutex);
    const bool is_idle = !state_->thread.joinable();
    if (is_idle && ip_literals.empty()) {
        state_->heard.erase(host);
        return;
    }
    state_->heard.insert_or_assign(host, ip_literals);
    if (!is_idle) state_->ring();
}

}  // namespace mesh::proxy
