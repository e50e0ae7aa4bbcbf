#pragma once
#include "certs/certificate_index.hpp"
#include "proxy/admission.hpp"
#include "proxy/client_hello.hpp"
#include "proxy/event_loop.hpp"
#include "proxy/relay_end.hpp"
#include "proxy/snapshot.hpp"
#include "proxy/task.hpp"

#include <list>
#include <memory>
#include <optional>

namespace mesh::proxy {

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
    Task<ClientHelloReader::State> read_hello();
    Task<> answer_challenge(certs::CredentialPtr answer);
    Task<> terminate(RoutePtr route);
    Task<> forward(RoutePtr route);
    /// Takes the places of the route's middlewares; false: one of them refuses the client.
    [[nodiscard]] bool admitted(const Route& route);
    Task<> refuse(std::uint8_t alert, std::string_view cause, std::string_view why);

    [[nodiscard]] RoutePtr plain_route() const;
    [[nodiscard]] RoutePtr tls_route();
    [[nodiscard]] certs::CredentialPtr challenge_answer() const;
    Task<certs::CredentialPtr> credential_for(const Route& route);
    /// Both must outlive the coroutine.
    Task<certs::CredentialPtr> credential_named(const Hostname& name, const std::string& directory);
    Task<certs::CredentialPtr> default_credential();
    [[nodiscard]] bool open_session(const tls::Policy& policy, certs::CredentialPtr credential);
    Task<bool> handshake();
    Task<> linger();

    // dial.cpp
    Task<DescriptorPtr> dial(Service& service);
    Task<DescriptorPtr> dial_server(const Service& service, const Pool::Member& member);
    Task<DescriptorPtr> connect_to(const SocketAddress& address);
    void note_dialled(const Service& service, const Pool::Member& member, bool reached);

    /// True when there is no point in going on.
    [[nodiscard]] bool over() { return stop_ != Stop::none || socket().failed(); }
    [[nodiscard]] Descriptor& socket() { return stream_ ? stream_->socket() : *client_; }
    void wrap_in_tls();
    void established();
    /// Why over(): "timeout", "shutdown", or "client", which has left.
    [[nodiscard]] std::string_view interruption() const;
    /// `cause`: whose doing it was. The first reason given is the one that counts.
    void log_end(std::string_view cause, std::string_view why);

    Worker& worker_;
    const LifetimePtr entry_point_;
    const SocketAddress peer_;
    Admission::ConnectionSlot connection_slot_;
    Admission::HandshakeSlot handshake_slot_;
    Places places_;
    const SteadyTime accepted_at_;
    SteadyTime deadline_;
    SteadyTime attempt_deadline_ = SteadyTime::max();  ///< of the address being dialled
    Stop stop_ = Stop::none;
    int dial_error_ = 0;
    bool end_logged_ = false;

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
