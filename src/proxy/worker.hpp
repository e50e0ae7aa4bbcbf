#pragma once
#include "certs/certificate_index.hpp"
#include "certs/challenge_table.hpp"
#include "proxy/admission.hpp"
#include "proxy/bound_addresses.hpp"
#include "proxy/connection.hpp"
#include "proxy/data_plane.hpp"
#include "proxy/event_loop.hpp"
#include "proxy/listener.hpp"
#include "proxy/name_throttle.hpp"
#include "proxy/pool_table.hpp"
#include "proxy/relay.hpp"
#include "proxy/routing_view.hpp"
#include "proxy/socket_address.hpp"
#include "proxy/task.hpp"
#include "proxy/worker_counters.hpp"

#include <atomic>
#include <string>
#include <unordered_map>
#include <vector>

namespace mesh::proxy {

/// What a worker is made of.
struct WorkerSettings {
    Limits limits;
    std::size_t pipes_max = 0;  ///< two descriptors each
    const Clock* clock = nullptr;
    Log* log = nullptr;
    Admission* admission = nullptr;
    /// Asks for a certificate to be read; the answer comes back through certificate_loaded().
    std::function<void(Worker&, certs::EntryPtr)> request_load;
    std::function<void(const Hostname&)> on_missing_certificate;
    /// Takes what would be slow to destroy.
    std::function<void(std::shared_ptr<const void>)> dispose;
    std::shared_ptr<const tls::Policy> challenge_policy;
    std::shared_ptr<const tls::Policy> refusal_policy;
};

/// One thread of the data path with everything it works on: its epoll set and coroutines, its
/// listeners, its connections and relays, and its own copies of what they look up. Nothing in it
/// is locked or shared, except the admission limits and counters.
///
/// Only post() and the counters may be used from other threads; before run() the thread that made
/// the worker may use everything.
class Worker final : private EventLoop::Owner, private Listener::Sink, private RelaySet::Observer {
 public:
    explicit Worker(WorkerSettings settings);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Until stop(). What is open then is closed.
    void run();
    void post(std::function<void()> task) { loop_.post(std::move(task)); }  ///< thread-safe
    void stop() { loop_.stop(); }                                           ///< thread-safe

    // What the control plane changes, by post().

    /// Listens on what is new before it closes what is not wanted any more; connections that came
    /// to a removed entry point and have no route yet get the one they would have had.
    void follow(ListenerChange listeners, std::shared_ptr<const RoutingView> view);
    /// Every listener, those that come later too: nothing is accepted until accept().
    void hold();
    void accept();
    void expect_copies(bool expected) { loop_.expect_copies(expected); }
    /// A descriptor more of every socket this worker listens on; errors: limit.
    [[nodiscard]] Result<std::vector<std::pair<ListenerId, FileDescriptor>>> listening() const;
    /// Established connections of what was removed may have to end at that time.
    void expect_end(SteadyTime at);
    void put_certificate(certs::EntryPtr entry, certs::CredentialPtr credential);
    void remove_certificate(certs::CertificateId id);
    /// The answer to request_load.
    void certificate_loaded(const certs::CertificateEntry& entry,
                            const Result<certs::CredentialPtr>& credential);
    void set_default_credential(certs::CredentialPtr credential);
    void set_addresses(const std::string& host, std::vector<SocketAddress> addresses);
    void set_pool(const std::shared_ptr<const Service>& service, PoolPtr pool);
    /// Told of are connections accepted while there is a log, if there is one when they end.
    void set_connection_log(ConnectionLog log) { connection_log_ = log; }
    /// Closes the listeners. `done` runs when the last connection has ended.
    void drain(std::function<void()> done);
    /// As each entry point has it: goes on accepting for its requestAcceptGraceTimeout, then its
    /// connections have its graceTimeOut, or else `grace`. So have those of entry points that were
    /// removed. `done(cut)` runs when the last one has ended, or time has, with the number of those
    /// that had not.
    void wind_down(std::chrono::milliseconds grace, std::function<void(std::size_t cut)> done);

    // What connections work with.

    [[nodiscard]] EventLoop& loop() { return loop_; }
    [[nodiscard]] RelaySet& relays() { return relays_; }
    [[nodiscard]] std::span<std::uint8_t> scratch() { return relays_.scratch(); }
    [[nodiscard]] const Limits& limits() const { return settings_.limits; }
    /// From accept until TLS is established.
    [[nodiscard]] std::chrono::milliseconds handshake_timeout(const Lifetime& entry_point) const {
        return routes(entry_point).limits.handshake_timeout.value_or(limits().handshake_timeout);
    }
    [[nodiscard]] const Clock& clock() const { return *settings_.clock; }
    [[nodiscard]] Log& log() { return *settings_.log; }
    [[nodiscard]] WorkerCounters& counters() { return counters_; }
    [[nodiscard]] const ConnectionLog& connection_log() const { return connection_log_; }
    /// Connections open now that pass a cancel request on.
    [[nodiscard]] std::size_t& cancel_copies() { return cancel_copies_; }

    /// Counts the handshake for that client; false when it has as many pending as one source may.
    [[nodiscard]] bool count_source(Admission::HandshakeSlot& slot, const SocketAddress& client);

    /// Takes the client's place under its entry point's limit per address, where there is one;
    /// false when it has no more.
    [[nodiscard]] bool count_client(const Lifetime& entry_point,
                                    const SocketAddress& client,
                                    Places& places);

    /// Valid until the next suspension: a reload may replace them.
    [[nodiscard]] const EntryPointRoutes& routes(const Lifetime& entry_point) const;
    /// Of a route that routes() has just given.
    [[nodiscard]] std::shared_ptr<const tls::Policy> policy_of(const Lifetime& entry_point,
                                                               const Route& route) const;
    [[nodiscard]] const tls::Policy& challenge_policy() const {
        return *settings_.challenge_policy;
    }
    [[nodiscard]] const tls::Policy& refusal_policy() const { return *settings_.refusal_policy; }
    [[nodiscard]] certs::ChallengeTable& challenges() { return challenges_; }
    [[nodiscard]] certs::CertificateIndex& certificates() { return certificates_; }
    [[nodiscard]] const certs::CredentialPtr& default_credential() const {
        return default_credential_;
    }
    /// Valid until the next suspension.
    [[nodiscard]] const std::optional<GeneratedDefault>& generated_default() const {
        return view_->snapshot->generated_default;
    }
    /// The servers of a service now.
    [[nodiscard]] PoolPtr pool_of(const Service& service) const { return pools_.of(service); }
    /// Of an IP literal itself, of a host name what set_addresses() said; empty when unknown.
    [[nodiscard]] std::vector<SocketAddress> addresses_of(const model::Server& server) const;
    [[nodiscard]] bool has_address(const Pool::Member& member) const {
        return !member.is_named || addresses_.contains(member.server.host);
    }

    /// Wakes the connection when that certificate has come or gone.
    void await_certificate(certs::CertificateId id, Connection& connection);
    void forget_awaited(Connection& connection);

    void note_refused(const Route& route, const Middleware& by, const SocketAddress& client);
    void note_unrouted(const Lifetime& entry_point, const ClientHello& hello);
    void note_missing_certificate(const Hostname& name, const Route& route);
    void note_without_tls(const model::Server& server, const StartTls& protocol);
    void note_odd_tls_answer(const model::Server& server, const StartTls& protocol);
    /// `service`: the one whose server it is.
    void note_failed_handshake(const Service& service,
                               const model::Server& server,
                               const std::string& reason);
    void note_unroutable_cancel(const Lifetime& entry_point, const StartTls& protocol);
    void note_without_address(const model::Server& server);
    void note_ejected(std::string_view service, std::string_view server, std::string_view reason);
    void note_local_dial_failure(const model::Server& server, const std::string& reason);

 private:
    bool end_of_turn() override;
    [[nodiscard]] SteadyTime wake_at() const override;
    [[nodiscard]] EntryPointShare share_of(const Lifetime& entry_point) const override;
    void on_accepted(const LifetimePtr& entry_point,
                     FileDescriptor socket,
                     const SocketAddress& peer,
                     Admission::ConnectionSlot connection,
                     Admission::HandshakeSlot handshake) override;
    void on_accept_paused(const Lifetime& entry_point, std::string_view why) override;
    void on_relay_ended(const Relay& relay,
                        RelayEnd end,
                        Cause cause,
                        const BrokenTls& broken) override;
    void on_bytes_moved(std::uint64_t up, std::uint64_t down) override;

    void listen(ListenerChange::Opened opened);
    void set_view(std::shared_ptr<const RoutingView> view);
    [[nodiscard]] const RoutingView& view_for(const Lifetime& entry_point) const;
    [[nodiscard]] bool is_awaiting_route(const Lifetime& entry_point) const;
    void start(std::unique_ptr<Connection> connection);
    void ended(Connection& connection, const std::exception_ptr& failure);
    void wake_awaiting(certs::CertificateId id);
    void note_crowded(const SourcePrefix& source);
    void note_full(const Lifetime& entry_point, const SourcePrefix& source);
    void note_broken_tls(const Relay& relay, const BrokenTls& broken);
    void sweep_if_due();
    void finish_drain_if_due();
    std::size_t end_all();

    struct Drain {
        /// SteadyTime::max(): it is done already.
        struct Part {
            LifetimePtr entry_point;
            SteadyTime close_at;  ///< the listeners
            SteadyTime cut_at;    ///< the connections
        };
        SteadyTime deadline;  ///< of all that is left
        std::function<void(std::size_t)> done;
        std::vector<Part> parts;
        std::size_t cut = 0;
        SteadyTime others_cut_at;  ///< connections of entry points that are configured no more

        [[nodiscard]] SteadyTime wake_at() const;
        [[nodiscard]] bool has(const Lifetime* entry_point) const;
    };
    void close_listeners(const Lifetime& entry_point);
    std::size_t cut_where(const std::function<bool(const Lifetime*)>& meant);

    WorkerSettings settings_;
    WorkerCounters counters_;
    ConnectionLog connection_log_;
    std::size_t cancel_copies_ = 0;
    LineThrottle pause_lines_;
    LineThrottle dial_lines_;
    NameThrottle unrouted_names_;
    NameThrottle missing_names_;
    NameThrottle crowded_sources_;
    NameThrottle full_sources_;
    NameThrottle refused_clients_;
    NameThrottle servers_without_tls_;
    NameThrottle failed_handshakes_;
    NameThrottle unresolved_servers_;
    NameThrottle broken_tls_;
    NameThrottle refusing_servers_;
    NameThrottle unroutable_cancels_;

    std::shared_ptr<const RoutingView> view_;
    /// Removed entry points with connections that are not established yet, and the last view that
    /// had them.
    std::unordered_map<const Lifetime*, std::shared_ptr<const RoutingView>> past_views_;
    certs::CertificateIndex certificates_;
    certs::ChallengeTable challenges_;
    certs::CredentialPtr default_credential_;
    std::unordered_map<std::string, std::vector<SocketAddress>> addresses_;
    PoolTable pools_;
    std::unordered_map<certs::CertificateId, std::vector<Connection*>> awaiting_;

    EventLoop loop_;
    std::unordered_map<ListenerId, std::unique_ptr<Listener>> listeners_;
    bool holds_ = false;  ///< accepts nothing
    RelaySet relays_;
    SteadyTime next_sweep_{};
    std::optional<Drain> drain_;

    // Last: whatever coroutine is left goes before what it uses.
    net::io_context context_{1};
    net::executor_work_guard<TaskExecutor> keep_running_{context_.get_executor()};
    Connection::List connections_;
    std::size_t accepted_this_turn_ = 0;
};

}  // namespace mesh::proxy
