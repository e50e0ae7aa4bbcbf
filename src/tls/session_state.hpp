#pragma once
// Private to this room: what a Session is made of.
#include "tls/hello_check.hpp"
#include "tls/key_updates.hpp"
#include "tls/openssl_ptr.hpp"
#include "tls/session.hpp"
#include "tls/wire.hpp"

namespace mesh::tls {

struct Session::State {
    /// Only needed until the handshake is over, and freed then.
    struct Handshake {
        ExpectedHello expected;
        std::shared_ptr<const Credential> credential;
        std::optional<std::uint8_t> refuse_with;
        HelloVerdict verdict = HelloVerdict::equal;
    };

    /// Which one is ours.
    enum class Side : std::uint8_t { server, client };

    State(Transport& transport, Side ours) : wire(transport), side(ours) {}

    Wire wire;  // before `ssl`, whose BIO points to it
    SslPtr ssl;
    std::unique_ptr<Handshake> handshake;  // null once established
    std::unique_ptr<Error> failure;
    std::optional<Progress> read_end;  // what every further read says
    KeyUpdates key_updates;
    MessageRate tickets;  // a server's, which are never used
    const Side side;
    bool sends_tickets = false;  // without end
    bool renegotiates = false;   // the peer asked for what is never granted
    bool was_alerted = false;    // fatally, by the peer
    bool failed = false;
    bool close_sent = false;

    [[nodiscard]] bool established() const { return !handshake && !failed; }
    /// The peer has sent what ends the connection, although it is no error to the library.
    [[nodiscard]] bool is_unwanted() const {
        return key_updates.flooded() || sends_tickets || renegotiates;
    }

    Status open(SSL_CTX* context);
    Status expect(std::string_view name);  // upstream_session.cpp
    [[nodiscard]] std::string the_peer() const {
        return side == Side::server ? "the client" : "the server";
    }
    [[nodiscard]] Origin peer_origin() const {
        return side == Side::server ? Origin::client : Origin::upstream;
    }
    [[nodiscard]] Error lost_connection() const;
    [[nodiscard]] Status check_client() const;
    [[nodiscard]] Status check_server() const;  // upstream_session.cpp
    Status present(const Credential& credential);
    Progress step();
    Progress establish();
    Progress fail(Error error);
    Progress ended(int ssl_error, std::string_view doing);
    Progress flush();
    std::size_t take_record(std::span<std::uint8_t> into);
    bool seal(ByteView chunk);
    [[nodiscard]] Error describe(std::string_view doing) const;

    [[nodiscard]] static State* of(const SSL* ssl) {
        return static_cast<State*>(SSL_get_app_data(ssl));
    }
    static int on_client_hello(SSL* ssl, int* alert, void*) noexcept;
    static int on_server_name(SSL*, int*, void*) noexcept;
    static void on_message(int sent,
                           int version,
                           int type,
                           const void* bytes,
                           std::size_t size,
                           SSL* ssl,
                           void*) noexcept;
};

}  // namespace mesh::tls
