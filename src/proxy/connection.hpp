#pragma once
#include "certs/certificate_index.hpp"
#include "proxy/admission.hpp"
#include "proxy/client_hello.hpp"
#include "proxy/connection_record.hpp"
#include "proxy/event_loop.hpp"
#include "proxy/proxy_header.hpp"
#include "proxy/relay_end.hpp"
#include "proxy/server_end.hpp"
#include "proxy/snapshot.hpp"
#include "proxy/sniffer.hpp"
#include "proxy/task.hpp"

#include <list>
#include <memory>
#include <optional>
#include <vector>

namespace mesh::proxy {

class CancelCopy;
class Worker;

/// A connection from accept until it is established or refused: a coroutine that reads from top
/// to bottom. Once a backend has answered, both descriptors go to a relay and nothing of this is
/// left.
///
/// Deadlines come from outside: the worker's sweep calls on_time(), which wakes the coroutine, and
/// after every wait it looks whether it should go on.
class Connection final : public ReadinessTarget {
 public:
    using List = std::list<std::unique_ptr<Connection>>;

    Connection(Worker& worker,
               LifetimePtr entry_point,
               DescriptorPtr client,
               const SocketAddress& peer,
               Admission::ConnectionSlot connection_slot,
               Admission::HandshakeSlot handshake_slot);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// The whole life. Runs once; the connection must outlive it.
    Task<> run();

    /// Ends the connection if its time is over, and a dial if that one's is.
    void on_time(SteadyTime now);
    /// The worker is going down: ends the coroutine.
    void cancel();
    /// What was awaited may have come.
    void wake() { suspension_.wake(); }
    void on_ready(Descriptor&) override { suspension_.wake(); }

    [[nodiscard]] const SocketAddress& peer() const { return peer_; }
    [[nodiscard]] const Lifetime& entry_point() const { return *entry_point_; }

 private:
    friend class Worker;
    enum class Stop { none, timeout, cancelled };

    // The phases, in order.
    Task<bool> identify_client();
    Task<> forward(RoutePtr route);
    /// Takes the places of the route's middlewares; false: one of them refuses the client.
    [[nodiscard]] bool admitted(const Route& route);
    [[nodiscard]] RoutePtr plain_route() const;
    [[nodiscard]] RoutePtr tls_route();

    // client_address.cpp: for whom the peer speaks, and telling the server.
    Task<bool> take_proxy_header();
    [[nodiscard]] bool accept_header(const ProxyHeader& header);
    [[nodiscard]] bool may_be_silent() const;
    [[nodiscard]] Bytes header_for(const Service& service);
    [[nodiscard]] bool announce_client(const Service& service, Descriptor& backend);

    // opening.cpp: what the connection begins with.
    enum class Heard { bytes, silence, end, nothing };
    enum class Talk { tls, plain, over };
    Task<ClientHelloReader::State> read_opening();
    void expect_silence();
    [[nodiscard]] bool is_silent_for_long();
    Task<Heard> hear(std::string_view missing);
    [[nodiscard]] Sniffed recognize() const;
    Task<Talk> talk_in_the_clear();
    Task<> demand_tls();
    void forget_first(std::size_t count);
    Task<bool> tell(ByteView bytes);
    Task<ClientHelloReader::State> read_hello();

    // cancel_request.cpp
    [[nodiscard]] ServicePtr service_to_cancel_at() const;
    [[nodiscard]] std::vector<CancelCopy> call_servers(const Service& service, ByteView request);
    [[nodiscard]] std::chrono::milliseconds time_to_tell(const Service& service) const;
    Task<> pass_on_cancel(std::size_t size);

    // terminate.cpp: what ends TLS here.
    [[nodiscard]] certs::CredentialPtr challenge_answer() const;
    Task<> answer_challenge(certs::CredentialPtr answer);
    Task<> terminate(RoutePtr route);
    Task<> refuse(std::uint8_t alert, Cause cause, std::string_view why);
    Task<certs::CredentialPtr> credential_for(const Route& route);
    /// Both must outlive the coroutine.
    Task<certs::CredentialPtr> credential_named(const Hostname& name, const std::string& directory);
    Task<certs::CredentialPtr> default_credential();
    [[nodiscard]] bool open_session(const tls::Policy& policy, certs::CredentialPtr credential);
    Task<bool> handshake();
    Task<> linger();
    void wrap_in_tls();

    // dial.cpp
    Task<ServerEnd> dial(Service& service);
    [[nodiscard]] bool can_be_dialled(const Pool::Member& member);
    [[nodiscard]] std::string_view why_nobody_was_dialled(const Service& service) const;
    /// What came of one server. Where nothing was learned of it a trial has to be given back.
    struct Dialled {
        ServerEnd backend;
        bool is_noted = false;
    };
    Task<Dialled> dial_server(const Service& whole,
                              const Service& service,
                              const Pool::Member& member,
                              std::size_t tried);
    [[nodiscard]] bool has_time_for_another(const Service& whole,
                                            const Service& service,
                                            std::size_t tried) const;
    [[nodiscard]] std::size_t servers_to_try(const Service& whole) const;
    Task<ServerEnd> try_address(const Service& service,
                                const model::Server& server,
                                const SocketAddress& address);
    Task<DescriptorPtr> connect_to(const SocketAddress& address);
    void note_reached(const Service& service, const Pool::Member& member);
    bool note_unreached(const Service& service, const Pool::Member& member);

    // server_tls.cpp
    enum class ServerTls { ready, refused, malformed, unreachable };
    Task<bool> ask_for_tls(Descriptor& backend,
                           const Service& service,
                           const model::Server& server);
    Task<ServerTls> request_tls(Descriptor& backend, const StartTls& protocol);
    Task<ServerEnd> secure(DescriptorPtr socket,
                           const Service& service,
                           const model::Server& server);
    Task<bool> shake_hands(TlsStream& stream);

    /// True when there is no point in going on.
    [[nodiscard]] bool over() { return stop_ != Stop::none || socket().failed(); }
    [[nodiscard]] Descriptor& socket() { return stream_ ? stream_->socket() : *client_; }
    void established();
    /// Why over(): the time, the proxy's end, or the client, which has left.
    [[nodiscard]] Cause interruption() const;
    /// `cause`: whose doing it was. The first reason given is the one that counts.
    void log_end(Cause cause, std::string_view why);
    /// After the coroutine's end: of a connection that was not established, for the log of
    /// connections and the counters.
    void tell_end();
    /// The client has said, or shown by what it sent first, whom it wants.
    void note_route(const RoutePtr& route);

    Worker& worker_;
    const LifetimePtr entry_point_;
    const SocketAddress peer_;      ///< who is at the other end of the socket
    SocketAddress client_address_;  ///< whom it speaks for: its own, until a PROXY header says so
    std::optional<SocketAddress> destination_;  ///< of that client, as the header says
    Admission::ConnectionSlot connection_slot_;
    Admission::HandshakeSlot handshake_slot_;
    Places places_;
    ServerSlot server_slot_;
    const SteadyTime accepted_at_;
    SteadyTime may_speak_since_;  ///< the client: behind a proxy, when its header was complete
    SteadyTime deadline_;
    /// Of the address being dialled, of a header that may not come, or of a client's silence.
    SteadyTime attempt_deadline_ = SteadyTime::max();
    Stop stop_ = Stop::none;
    int dial_error_ = 0;       ///< errno of the last dial that failed
    std::string dial_reason_;  ///< instead of it, where TLS to the server failed; mostly empty
    bool established_ = false;
    std::optional<Cause> end_cause_;            ///< of its end before it was established
    std::unique_ptr<ConnectionRecord> record_;  ///< while the connection log is on

    const StartTls* start_tls_ = nullptr;   ///< the protocol by which the client asked for TLS
    const StartTls* ask_server_ = nullptr;  ///< the one by which the server is asked
    bool server_refused_tls_ = false;
    ClientHelloReader reader_;
    std::string routed_protocol_;  ///< by which an ALPN() found the route; mostly empty
    /// What routing and the choice of a certificate go by: the client's, or the entry point's.
    std::optional<Hostname> server_name_;
    DescriptorPtr client_;               ///< until TLS takes it
    std::unique_ptr<TlsStream> stream_;  ///< from then on

    // For the worker.
    List::iterator place_;
    std::optional<certs::CertificateId> awaited_;

    Suspension suspension_;  // last: it owns the coroutine, which uses the rest
};

}  // namespace mesh::proxy
