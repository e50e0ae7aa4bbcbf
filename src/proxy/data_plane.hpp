#pragma once
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "certs/certificate_index.hpp"
#include "proxy/cause.hpp"
#include "proxy/inherited_socket.hpp"
#include "proxy/snapshot.hpp"
#include "tls/certificate.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace mesh::proxy {

/// Bounds and deadlines of the data path; docs/configuration.md lists them.
struct Limits {
    std::chrono::milliseconds handshake_timeout{10'000};  ///< accept to established, absolute
    std::chrono::milliseconds challenge_timeout{3'000};   ///< the same for acme-tls/1
    /// For the header of a trusted proxy where the server may be the one who speaks first.
    std::chrono::milliseconds proxy_header_wait{3'000};
    std::chrono::milliseconds dial_timeout{3'000};  ///< per address
    std::chrono::milliseconds dial_timeout_total{10'000};
    unsigned dial_servers_max = 3;
    std::chrono::milliseconds termination_delay{60'000};  ///< half-closed, since the last byte
    std::chrono::milliseconds accept_pause{100};          ///< after EMFILE and its kin
    std::chrono::milliseconds removal_grace{30'000};      ///< onRemove: drain
    std::size_t connections_max = 65'536;
    /// Lent to connections on which bytes pass in masses; two descriptors each, not those of
    /// connections_max. Of all workers together.
    std::size_t pipes_max = 8;
    std::size_t handshakes_max = 4'096;
    std::size_t handshakes_per_source_max = 128;  ///< per /32 or /64
    /// Of each worker, which share what several of them hold. About 50,000 certificates.
    std::size_t certificate_cache_bytes = std::size_t{512} << 20;
    int backlog = 4'096;
};

struct BindFailure {
    std::string entry_point;
    model::ListenAddress address;
    int error = 0;        ///< errno
    std::string message;  ///< "cannot bind :443 as user mesh: permission denied; give …"
};

struct DataPlaneSettings {
    unsigned workers = 1;
    Limits limits;
    const Clock* clock = nullptr;
    /// One log per worker, used from that worker's thread only.
    std::vector<Log*> worker_logs;
    /// Reads and parses a stored certificate; called on the loader's thread, may block.
    std::function<Result<certs::CredentialPtr>(const certs::CertificateEntry&)> load_credential;
    /// A handshake was refused because a managed name has no certificate yet (rate-limited by the
    /// caller). Called on worker threads.
    std::function<void(const Hostname&)> on_missing_certificate;
    /// Those of a process that this one replaces (DataPlane::ticket_keys); empty: new ones.
    Secret ticket_keys;
};

/// Of one service, see Service::is_followed.
struct ServiceServers {
    ServicePtr service;
    std::vector<model::Server> servers;
};

/// Of all workers together; see WorkerCounters.
struct Counters {
    std::uint64_t accepted = 0;
    std::uint64_t open = 0;  ///< now
    std::uint64_t crowded_out = 0;
    std::uint64_t challenges_answered = 0;
    std::uint64_t handshakes = 0;
    std::uint64_t handshakes_resumed = 0;
    std::uint64_t dials_failed = 0;
    std::uint64_t established = 0;
    std::uint64_t bytes_up = 0;
    std::uint64_t bytes_down = 0;
    std::array<std::uint64_t, causes> ended{};  ///< by whose doing it was
};

/// All workers: threads that accept, route, terminate and relay. Public functions are thread-safe
/// and do not wait for the workers, unless they say so.
class DataPlane {
 public:
    explicit DataPlane(DataPlaneSettings settings);
    ~DataPlane();
    DataPlane(const DataPlane&) = delete;
    DataPlane& operator=(const DataPlane&) = delete;

    /// Sockets that are bound already, for listen() to use instead of binding. Before it.
    void inherit(std::vector<InheritedSocket> sockets);
    /// After listen(): those of them that no entry point wants. Connections wait in them, perhaps.
    [[nodiscard]] std::vector<InheritedSocket> take_unclaimed();

    /// Binds every entry point of the snapshot on every worker; all failures at once, and then
    /// nothing stays bound. Call once, before start.
    [[nodiscard]] std::vector<BindFailure> listen(const std::shared_ptr<const Snapshot>& snapshot);
    /// Where each entry point listens, in the order of the snapshot: the real port where 0 was
    /// asked for.
    [[nodiscard]] std::vector<model::ListenAddress> bound_addresses() const;
    /// Connections wait in the kernel's queue until accept(), whatever else happens. Before start.
    void hold();
    void accept();
    /// Starts the threads; connections are accepted from here on, unless they are held.
    void start();

    /// Replaces the snapshot. New addresses are bound first, on every worker; where one cannot be,
    /// all failures come back, and nothing has changed. Addresses that are gone are accepted on no
    /// more; the established connections of removed routers and entry points are treated as
    /// onRemove says. `before_routes` runs when nothing can be refused any more, and what it gives
    /// the data plane is there before the routes. The snapshot that is in force already changes
    /// no route. Throws when there is no memory for it; then nothing has changed either. One thread
    /// at a time.
    [[nodiscard]] std::vector<BindFailure> apply(const std::shared_ptr<const Snapshot>& snapshot,
                                                 const std::function<void()>& before_routes = {});
    /// The entry points of a snapshot that apply() would bind an address for.
    [[nodiscard]] std::vector<std::shared_ptr<const EntryPointRoutes>> unbound(
        const Snapshot& snapshot) const;
    void put_certificate(const certs::EntryPtr& entry, const certs::CredentialPtr& credential);
    /// Many at once, before start: the start-up index.
    void put_certificates(std::vector<certs::EntryPtr> entries);
    void remove_certificate(certs::CertificateId id);
    void set_default_credential(const certs::CredentialPtr& credential);
    /// `done` runs (on some worker's thread) when every worker answers for the name.
    void put_challenge(const Hostname& name,
                       const certs::CredentialPtr& credential,
                       std::function<void()> done);
    void remove_challenge(const Hostname& name);
    /// Addresses of a host name used by servers ("db.internal"); literals need none. No addresses:
    /// the host is forgotten.
    void set_addresses(const std::string& host, const std::vector<std::string>& ip_literals);
    /// One line for each connection that is accepted from now on, when it has ended; see
    /// ConnectionRecord. One log per worker, used from its thread only, living as long as this; or
    /// none: no such lines.
    void set_connection_log(const std::vector<RingLog*>& logs,
                            std::chrono::milliseconds min_duration);

    /// The servers of followed services from now on. Those they have already change nothing.
    void set_servers(const std::vector<ServiceServers>& services);

    /// Before another process is started, and when it runs its own program or has ended: between
    /// the two it has copies of all descriptors. `done` runs on some worker's thread when every
    /// worker knows.
    void expect_copies(bool expected, std::function<void()> done);
    /// What session tickets are sealed with, for another process to go on with.
    [[nodiscard]] Secret ticket_keys() const;
    /// Every socket that connections are accepted from, or may be later (those kept elsewhere),
    /// once each, for another process to go on with. `done` runs on some worker's thread. Errors:
    /// limit (no descriptors are left).
    void listening_sockets(std::function<void(Result<std::vector<InheritedSocket>>)> done) const;
    /// `done` runs on some worker's thread when every worker has taken a turn since the call; while
    /// one is stuck, it does not.
    void when_all_turned(std::function<void()> done);
    /// Another process accepts from now on: stops accepting and lets connections end, however long
    /// that takes. `done` runs on some worker's thread.
    void drain(std::function<void()> done);
    /// Stops accepting, lets connections end for as long as each entry point has it
    /// (transport.lifeCycle), the others for `grace`, then cuts them. `done(cut)` runs on some
    /// worker's thread with the number of connections cut.
    void wind_down(std::chrono::milliseconds grace, std::function<void(std::size_t cut)> done);
    /// Ends all threads now; waits for them.
    void stop();

    [[nodiscard]] Counters counters() const;

 private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace mesh::proxy
