#include "proxy/data_plane.hpp"

#include "base/quiet_thread.hpp"
#include "base/task_loop.hpp"
#include "proxy/admission.hpp"
#include "proxy/bound_addresses.hpp"
#include "proxy/certificate_loader.hpp"
#include "proxy/removals.hpp"
#include "proxy/worker.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <sys/resource.h>
#include <thread>

namespace mesh::proxy {

namespace {

/// Pipes only speed things up: they get what connections and the rest of the process leave, and
/// where that is nothing, a few for all workers together out of the reserve.
std::size_t pipes_per_worker(const Limits& limits, std::size_t workers) {
    constexpr std::size_t few = 8;
    constexpr std::size_t enough = 32;
    constexpr std::size_t reserved = 64;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return few / workers;
    const std::size_t needed = 2 * limits.connections_max + reserved;
    const auto possible = static_cast<std::size_t>(limit.rlim_cur);
    const std::size_t spare = possible > needed ? possible - needed : 0;
    return std::clamp(spare / (2 * workers), few / workers, enough);
}

template <class T>
T value_or_throw(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(*result);
}

/// Calls `done` when every worker has been here, with the sum of what they brought.
class Gathering {
 public:
    Gathering(std::size_t workers, std::function<void(std::size_t)> done)
        : missing_(workers), done_(std::move(done)) {}
    void arrive(std::size_t share) {
        sum_.fetch_add(share, std::memory_order_relaxed);
        if (missing_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        if (done_) done_(sum_.load(std::memory_order_relaxed));
    }

 private:
    std::atomic<std::size_t> missing_;
    std::atomic<std::size_t> sum_{0};
    std::function<void(std::size_t)> done_;
};

}  // namespace

struct DataPlane::State {
    struct Crew {
        std::unique_ptr<Worker> worker;
        PolicyCache policies;
        std::thread thread;
    };

    explicit State(DataPlaneSettings from)
        : settings(std::move(from)),
          admission({settings.limits.connections_max,
                     settings.limits.handshakes_max,
                     settings.limits.handshakes_per_source_max}),
          loader(background, settings.load_credential) {}

    WorkerSettings worker_settings(std::size_t index);
    void request_load(Worker& worker, const certs::EntryPtr& entry);
    [[nodiscard]] std::vector<std::shared_ptr<const RoutingView>> make_views(
        const std::shared_ptr<const Snapshot>& wanted);
    /// Runs on every worker's own thread.
    void on_each(const std::function<void(Worker&)>& task);

    DataPlaneSettings settings;
    Admission admission;
    TaskLoop background;  ///< reads certificates, destroys what is big
    CertificateLoader loader;
    std::thread background_thread;

    std::mutex applying;  ///< guards the policy caches and the next two
    std::shared_ptr<const Snapshot> snapshot;
    BoundAddresses bound;
    std::mutex pooling;  ///< guards what every worker's table has, or will have
    PoolTable pools;
    std::vector<Crew> crews;
};

WorkerSettings DataPlane::State::worker_settings(std::size_t index) {
    WorkerSettings out;
    out.limits = settings.limits;
    out.pipes_max = pipes_per_worker(settings.limits, std::max(1U, settings.workers));
    out.clock = settings.clock;
    out.log = settings.worker_logs.at(index);
    out.admission = &admission;
    out.request_load = [this](Worker& worker, const certs::EntryPtr& entry) {
        request_load(worker, entry);
    };
    out.on_missing_certificate = settings.on_missing_certificate;
    out.dispose = [this](std::shared_ptr<const void> unused) {
        background.post([unused = std::move(unused)] {});
    };
    out.challenge_policy = value_or_throw(tls::Policy::make_challenge());
    out.refusal_policy = value_or_throw(tls::Policy::make({}, nullptr));
    return out;
}

void DataPlane::State::request_load(Worker& worker, const certs::EntryPtr& entry) {
    loader.request(entry, [&worker, entry](const Result<certs::CredentialPtr>& credential) {
        worker.post(
            [&worker, entry, credential] { worker.certificate_loaded(*entry, credential); });
    });
}

/// make_snapshot has tried every policy; what fails here is memory.
std::vector<std::shared_ptr<const RoutingView>> DataPlane::State::make_views(
    const std::shared_ptr<const Snapshot>& wanted) {
    std::vector<std::shared_ptr<const RoutingView>> views;
    for (Crew& crew : crews) views.push_back(value_or_throw(crew.policies.make_view(wanted)));
    return views;
}

void DataPlane::State::on_each(const std::function<void(Worker&)>& task) {
    for (Crew& crew : crews) {
        Worker& worker = *crew.worker;
        worker.post([&worker, task] { task(worker); });
    }
}

DataPlane::DataPlane(DataPlaneSettings settings)
    : state_(std::make_unique<State>(std::move(settings))) {
    const auto tickets = tls::make_ticket_keys(*state_->settings.clock);
    for (std::size_t i = 0; i < std::max(1U, state_->settings.workers); ++i) {
        auto worker = std::make_unique<Worker>(state_->worker_settings(i));
        state_->crews.push_back({std::move(worker), PolicyCache(tickets), {}});
    }
}

DataPlane::~DataPlane() {
    stop();
}

std::vector<BindFailure> DataPlane::listen(const std::shared_ptr<const Snapshot>& snapshot) {
    return apply(snapshot);
}

std::vector<model::ListenAddress> DataPlane::bound_addresses() const {
    const std::lock_guard lock(state_->applying);
    return state_->bound.real_addresses(*state_->snapshot);
}

void DataPlane::start() {
    state_->background_thread = quiet_thread("mesh-loader", [this] { state_->background.run(); });
    for (State::Crew& crew : state_->crews) {
        crew.thread = quiet_thread("mesh-worker", [worker = crew.worker.get()] { worker->run(); });
    }
}

std::vector<BindFailure> DataPlane::apply(const std::shared_ptr<const Snapshot>& snapshot,
                                          const std::function<void()>& before_routes) {
    const std::lock_guard lock(state_->applying);
    if (snapshot == state_->snapshot) {
        if (before_routes) before_routes();
        return {};
    }
    BoundAddresses::Change change =
        state_->bound.prepare(*snapshot, state_->crews.size(), state_->settings.limits.backlog);
    if (!change.failures.empty()) return std::move(change.failures);
    const auto views = state_->make_views(snapshot);
    if (before_routes) before_routes();

    const SteadyTime now = state_->settings.clock->steady_now();
    const SteadyTime ends =
        state_->snapshot
            ? end_removed(*state_->snapshot, *snapshot, now, state_->settings.limits.removal_grace)
            : SteadyTime::max();
    for (std::size_t i = 0; i < state_->crews.size(); ++i) {
        Worker& worker = *state_->crews[i].worker;
        // std::function wants to be copied, sockets do not.
        auto listeners = std::make_shared<ListenerChange>(std::move(change.per_worker[i]));
        worker.post([&worker, listeners, view = views[i], ends] {
            worker.follow(std::move(*listeners), view);
            worker.expect_end(ends);
        });
    }
    state_->bound.commit(change);
    state_->snapshot = snapshot;
    return {};
}

void DataPlane::put_certificate(const certs::EntryPtr& entry,
                                const certs::CredentialPtr& credential) {
    state_->on_each([=](Worker& worker) { worker.put_certificate(entry, credential); });
}

void DataPlane::put_certificates(std::vector<certs::EntryPtr> entries) {
    const auto shared = std::make_shared<const std::vector<certs::EntryPtr>>(std::move(entries));
    state_->on_each([shared](Worker& worker) {
        for (const certs::EntryPtr& entry : *shared) worker.put_certificate(entry, nullptr);
    });
}

void DataPlane::remove_certificate(certs::CertificateId id) {
    state_->on_each([id](Worker& worker) { worker.remove_certificate(id); });
}

void DataPlane::set_default_credential(const certs::CredentialPtr& credential) {
    state_->on_each([=](Worker& worker) { worker.set_default_credential(credential); });
}

void DataPlane::put_challenge(const Hostname& name,
                              const certs::CredentialPtr& credential,
                              std::function<void()> done) {
    auto gathering =
        std::make_shared<Gathering>(state_->crews.size(), [done = std::move(done)](std::size_t) {
            if (done) done();
        });
    state_->on_each([=](Worker& worker) {
        worker.challenges().put(name, credential);
        gathering->arrive(0);
    });
}

void DataPlane::remove_challenge(const Hostname& name) {
    state_->on_each([name](Worker& worker) { worker.challenges().remove(name); });
}

void DataPlane::set_servers(const std::vector<ServiceServers>& services) {
    const std::lock_guard lock(state_->pooling);
    auto changed = std::make_shared<std::vector<std::pair<ServicePtr, PoolPtr>>>();
    for (const ServiceServers& one : services) {
        const PoolPtr before = state_->pools.of(*one.service);
        if (same_servers(*before, one.servers)) continue;
        changed->emplace_back(one.service, make_pool(one.servers, before.get()));
        state_->pools.set(one.service, changed->back().second);
    }
    if (changed->empty()) return;
    state_->on_each([changed](Worker& worker) {
        for (const auto& [service, pool] : *changed) worker.set_pool(service, pool);
    });
}

void DataPlane::set_addresses(const std::string& host,
                              const std::vector<std::string>& ip_literals) {
    std::vector<SocketAddress> addresses;
    for (const std::string& literal : ip_literals) {
        if (const auto address = SocketAddress::parse(literal, 0)) addresses.push_back(*address);
    }
    state_->on_each([=](Worker& worker) { worker.set_addresses(host, addresses); });
}

void DataPlane::when_all_turned(std::function<void()> done) {
    auto gathering = std::make_shared<Gathering>(state_->crews.size(),
                                                 [done = std::move(done)](std::size_t) { done(); });
    state_->on_each([gathering](Worker&) { gathering->arrive(0); });
}

void DataPlane::drain(std::chrono::milliseconds grace, std::function<void(std::size_t cut)> done) {
    auto gathering = std::make_shared<Gathering>(state_->crews.size(), std::move(done));
    state_->on_each([=](Worker& worker) {
        worker.drain(grace, [gathering](std::size_t cut) { gathering->arrive(cut); });
    });
}

void DataPlane::stop() {
    for (State::Crew& crew : state_->crews) crew.worker->stop();
    for (State::Crew& crew : state_->crews) {
        if (crew.thread.joinable()) crew.thread.join();
    }
    state_->background.stop();
    if (state_->background_thread.joinable()) state_->background_thread.join();
}

Counters DataPlane::counters() const {
    constexpr auto relaxed = std::memory_order_relaxed;
    Counters sum;
    for (const State::Crew& crew : state_->crews) {
        const WorkerCounters& counters = crew.worker->counters();
        sum.accepted += counters.accepted.load(relaxed);
        sum.handshakes += counters.handshakes.load(relaxed);
        sum.handshakes_resumed += counters.handshakes_resumed.load(relaxed);
        sum.challenges_answered += counters.challenges_answered.load(relaxed);
    }
    sum.open = state_->admission.connections();
    return sum;
}

}  // namespace mesh::proxy
