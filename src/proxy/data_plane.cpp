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
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <sys/stat.h>
#include <thread>
#include <utility>

namespace mesh::proxy {

namespace {

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

/// What is kept for later and what the workers listen on, each socket once: some may share one.
class FoundSockets {
 public:
    FoundSockets(std::map<ListenerId, BoundAddresses::Meaning> meanings,
                 Result<std::vector<InheritedSocket>> kept)
        : meanings_(std::move(meanings)) {
        if (!kept) {
            failure_ = kept.error();
            return;
        }
        for (InheritedSocket& socket : *kept)
            if (is_new(socket.socket)) sockets_.push_back(std::move(socket));
    }

    void add(Result<std::vector<std::pair<ListenerId, FileDescriptor>>> sockets) {
        const std::lock_guard lock(mutex_);
        if (!sockets) {
            failure_ = sockets.error();
            return;
        }
        for (auto& [id, descriptor] : *sockets) {
            const auto meaning = meanings_.find(id);
            if (meaning == meanings_.end() || !is_new(descriptor)) continue;
            InheritedSocket socket;
            if (const auto bound = SocketAddress::of_socket(descriptor.get()))
                socket.bound = *bound;
            socket.socket = std::move(descriptor);
            socket.name = meaning->second.entry_point;
            socket.any_port = meaning->second.address.port == 0;
            sockets_.push_back(std::move(socket));
        }
    }
    [[nodiscard]] Result<std::vector<InheritedSocket>> take() {
        const std::lock_guard lock(mutex_);
        if (failure_) return *failure_;
        return std::move(sockets_);
    }

 private:
    [[nodiscard]] bool is_new(const FileDescriptor& socket) {
        struct stat status {};
        return ::fstat(socket.get(), &status) == 0 && seen_.insert(status.st_ino).second;
    }

    std::mutex mutex_;
    const std::map<ListenerId, BoundAddresses::Meaning> meanings_;
    std::set<ino_t> seen_;
    std::vector<InheritedSocket> sockets_;
    std::optional<Error> failure_;
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

    [[nodiscard]] std::shared_ptr<tls::TicketKeys> make_tickets();
    WorkerSettings worker_settings(std::size_t index);
    void request_load(Worker& worker, const certs::EntryPtr& entry);
    [[nodiscard]] std::vector<std::shared_ptr<const RoutingView>> make_views(
        const std::shared_ptr<const Snapshot>& wanted);
    /// Runs on every worker's own thread.
    void on_each(const std::function<void(Worker&)>& task);

    DataPlaneSettings settings;
    std::shared_ptr<tls::TicketKeys> tickets;
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

std::shared_ptr<tls::TicketKeys> DataPlane::State::make_tickets() {
    const Secret inherited = std::exchange(settings.ticket_keys, {});
    auto made = tls::import_ticket_keys(inherited, *settings.clock);
    // Without those, clients make a full handshake once.
    tickets = made ? std::move(*made) : tls::make_ticket_keys(*settings.clock);
    return tickets;
}

WorkerSettings DataPlane::State::worker_settings(std::size_t index) {
    WorkerSettings out;
    out.limits = settings.limits;
    out.pipes_max = settings.limits.pipes_max / std::max(1U, settings.workers);
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
    const auto tickets = state_->make_tickets();
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

void DataPlane::hold() {
    // Before what listen() has posted, or behind it: a loop runs all of it before it looks.
    state_->on_each([](Worker& worker) { worker.hold(); });
}

void DataPlane::accept() {
    state_->on_each([](Worker& worker) { worker.accept(); });
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

    for (const auto& entry_point : snapshot->entry_points)
        entry_point->lifetime->set_idle_timeout(
            entry_point->limits.idle_timeout.value_or(std::chrono::milliseconds::zero()));

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

std::vector<std::shared_ptr<const EntryPointRoutes>> DataPlane::unbound(
    const Snapshot& snapshot) const {
    const std::lock_guard lock(state_->applying);
    return state_->bound.unbound(snapshot);
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
        changed->emplace_back(one.service, make_pool(one.servers, *one.service->states));
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

void DataPlane::inherit(std::vector<InheritedSocket> sockets) {
    const std::lock_guard lock(state_->applying);
    state_->bound.inherit(std::move(sockets));
}

std::vector<InheritedSocket> DataPlane::take_unclaimed() {
    const std::lock_guard lock(state_->applying);
    return state_->bound.take_unclaimed(*state_->snapshot);
}

void DataPlane::expect_copies(bool expected, std::function<void()> done) {
    auto gathering =
        std::make_shared<Gathering>(state_->crews.size(), [done = std::move(done)](std::size_t) {
            if (done) done();
        });
    state_->on_each([=](Worker& worker) {
        worker.expect_copies(expected);
        gathering->arrive(0);
    });
}

Secret DataPlane::ticket_keys() const {
    return tls::export_ticket_keys(*state_->tickets);
}

void DataPlane::listening_sockets(
    std::function<void(Result<std::vector<InheritedSocket>>)> done) const {
    // Later changes find the workers' answers given: they are posted behind the question.
    const std::lock_guard lock(state_->applying);
    auto found = std::make_shared<FoundSockets>(state_->bound.meanings(*state_->snapshot),
                                                state_->bound.kept_for_later());
    auto gathering = std::make_shared<Gathering>(
        state_->crews.size(),
        [found, done = std::move(done)](std::size_t) { done(found->take()); });
    state_->on_each([=](const Worker& worker) {
        found->add(worker.listening());
        gathering->arrive(0);
    });
}

void DataPlane::when_all_turned(std::function<void()> done) {
    auto gathering = std::make_shared<Gathering>(state_->crews.size(),
                                                 [done = std::move(done)](std::size_t) { done(); });
    state_->on_each([gathering](Worker&) { gathering->arrive(0); });
}

void DataPlane::drain(std::function<void()> done) {
    auto gathering = std::make_shared<Gathering>(state_->crews.size(),
                                                 [done = std::move(done)](std::size_t) { done(); });
    state_->on_each([=](Worker& worker) { worker.drain([gathering] { gathering->arrive(0); }); });
}

void DataPlane::wind_down(std::chrono::milliseconds grace,
                          std::function<void(std::size_t cut)> done) {
    auto gathering = std::make_shared<Gathering>(state_->crews.size(), std::move(done));
    state_->on_each([=](Worker& worker) {
        worker.wind_down(grace, [gathering](std::size_t cut) { gathering->arrive(cut); });
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

void DataPlane::set_connection_log(const std::vector<RingLog*>& logs,
                                   std::chrono::milliseconds min_duration) {
    for (std::size_t i = 0; i < state_->crews.size(); ++i) {
        Worker& worker = *state_->crews[i].worker;
        const ConnectionLog log{logs.empty() ? nullptr : logs.at(i), min_duration};
        worker.post([&worker, log] { worker.set_connection_log(log); });
    }
}

Counters DataPlane::counters() const {
    Counters sum;
    for (const State::Crew& crew : state_->crews) {
        const WorkerCounters& of_worker = crew.worker->counters();
        sum.accepted += of_worker.accepted.get();
        sum.crowded_out += of_worker.crowded_out.get();
        sum.challenges_answered += of_worker.challenges_answered.get();
        sum.handshakes += of_worker.handshakes.get();
        sum.handshakes_resumed += of_worker.handshakes_resumed.get();
        sum.dials_failed += of_worker.dials_failed.get();
        sum.established += of_worker.established.get();
        sum.bytes_up += of_worker.bytes_up.get();
        sum.bytes_down += of_worker.bytes_down.get();
        for (std::size_t i = 0; i < causes; ++i) sum.ended[i] += of_worker.ended[i].get();
    }
    sum.open = state_->admission.connections();
    return sum;
}

}  // namespace mesh::proxy
