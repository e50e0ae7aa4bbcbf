#pragma once
#include "base/bytes.hpp"
#include "base/result.hpp"
#include "tls/certificate.hpp"
#include "tls/policy.hpp"
#include "tls/upstream_policy.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;

namespace mesh::tls {

/// What a server session must find again in the ClientHello when OpenSSL reads it: the values
/// routing was decided on. Any difference aborts the handshake.
struct ExpectedHello {
    std::optional<std::string> server_name;  ///< canonical; absent: no SNI extension
    std::vector<std::string> alpn;           ///< protocols offered, in order
    /// The one of them that routing was decided by, which is then selected where the policy allows
    /// it; may be empty.
    std::string routed_protocol{};
};

/// The socket's side of a session. Implemented by the data path over a non-blocking descriptor.
class Transport {
 public:
    enum class Outcome { ok, would_block, closed, failed };
    struct Transfer {
        Outcome outcome = Outcome::ok;
        std::size_t count = 0;
    };
    virtual ~Transport() = default;
    /// Bytes of the peer, those already sniffed first.
    virtual Transfer receive(std::span<std::uint8_t> into) = 0;
    /// All records of a turn at once. May take a part; the session keeps the rest and gives it
    /// again.
    virtual Transfer send(ByteView bytes) = 0;
};

enum class Progress {
    done,        ///< the call's aim is reached
    want_read,   ///< needs more bytes of the peer
    want_write,  ///< the peer does not take bytes
    closed,      ///< the peer sent close_notify (read only)
    truncated,   ///< the peer's bytes ended without close_notify
    failed,      ///< fatal; failure() says why and an alert was sent where one is due
};

/// One side of a TLS connection, mostly the server's, over a Transport through our own BIO: reads
/// come from the transport (sniffed bytes first), writes are gathered and leave in one piece per
/// turn. Holds no record buffers while idle. One thread.
class Session {
 public:
    /// `credential` may be null only for a session that exists to send the right alert
    /// (`refuse`). Errors: out of memory.
    [[nodiscard]] static Result<std::unique_ptr<Session>> accept(
        const Policy& policy,
        std::shared_ptr<const Credential> credential,
        ExpectedHello expected,
        Transport& transport);

    /// A session without a route: lets OpenSSL read the peer's bytes so that the alert is the
    /// right one for them. When they turn out to be a well-formed hello it is answered with
    /// `alert` (e.g. 112 unrecognized_name, 120 no_application_protocol). Never completes a
    /// handshake and never shows a certificate.
    [[nodiscard]] static Result<std::unique_ptr<Session>> refuse(const Policy& policy,
                                                                 std::uint8_t alert,
                                                                 Transport& transport);

    /// The client's side of a connection to a server at `host`, a host name or an IP address: what
    /// the policy expects, by default this, is named in the hello (a host name) and must be in the
    /// certificate (both; in a SAN, the common name counts for nothing). The handshake is done only
    /// once that is verified. A server of TLS 1.3 that refuses our certificate says so after that,
    /// to read().
    [[nodiscard]] static Result<std::unique_ptr<Session>> connect(const UpstreamPolicy& policy,
                                                                  std::string_view host,
                                                                  Transport& transport);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// Goes on with the handshake as far as the bytes at hand allow, and sends its own. `done` once
    /// it is complete and everything of it has left. Never `closed`.
    [[nodiscard]] Progress handshake();
    /// Decrypted bytes into `into`, which must not be empty; `count` says how many. `done` with
    /// count 0 never happens. Reading may leave an answer to the peer to flush (unsent).
    [[nodiscard]] Progress read(std::span<std::uint8_t> into, std::size_t& count);
    /// Encrypts; on `done` all of `bytes` is inside the session (sent, or gathered for flush).
    /// On `want_write`, which comes while 64 KiB or more wait to be sent, nothing of `bytes` was
    /// taken: call again after flush() is done. A long write sends as it goes.
    [[nodiscard]] Progress write(ByteView bytes);
    /// Sends what is gathered. want_write while the peer does not take it.
    [[nodiscard]] Progress flush();
    /// Sends close_notify (gathered; flush sends it). The read side stays open.
    [[nodiscard]] Progress close_write();

    [[nodiscard]] std::size_t unsent() const;   ///< bytes gathered that wait for flush
    [[nodiscard]] bool has_pending() const;     ///< input waits for read, be it half a record
    [[nodiscard]] std::string alpn() const;     ///< negotiated, or empty
    [[nodiscard]] std::string version() const;  ///< "TLSv1.3"
    [[nodiscard]] std::string cipher() const;
    /// Of the key exchange, e.g. "x25519"; empty when there was none (a TLS 1.2 resumption).
    [[nodiscard]] std::string group() const;
    [[nodiscard]] bool resumed() const;
    /// What `failed` or `truncated` came of; an empty message before that.
    [[nodiscard]] const Error& failure() const;
    /// It is the peer's own word that ended it: a fatal alert.
    [[nodiscard]] bool ended_by_alert() const;

 private:
    Session(Transport& transport, bool to_server);
    friend void configure_session_callbacks(ssl_ctx_st* context);
    friend std::string_view routed_protocol(const ssl_st* ssl);
    static void configure(ssl_ctx_st* context);
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace mesh::tls
