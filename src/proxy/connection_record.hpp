#pragma once
#include "base/clock.hpp"
#include "base/log.hpp"
#include "proxy/cause.hpp"
#include "proxy/client_hello.hpp"
#include "proxy/snapshot.hpp"
#include "proxy/socket_address.hpp"
#include "tls/session.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace mesh::proxy {

/// Where a worker tells of its connections when they end.
struct ConnectionLog {
    RingLog* log = nullptr;                     ///< null: nobody asked for it
    std::chrono::milliseconds min_duration{0};  ///< shorter ones are not told of
};

/// What the connection log tells of one connection. Made when it is accepted, and only while there
/// is such a log; goes with the connection from hand to hand. Everything in it that a peer can make
/// long is cut.
struct ConnectionRecord {
    static constexpr std::size_t alpn_text_max = 128;  ///< bytes

    SocketAddress peer;    ///< the other end of the socket
    SocketAddress client;  ///< whom it spoke for
    LifetimePtr entry_point;
    RoutePtr route;  ///< null: none was found
    std::string server_name;
    std::string alpn;  ///< what was agreed on; where TLS passes through, what was offered
    const Service* service = nullptr;  ///< of the route's, whose server it is
    std::string server;

    struct Secured {
        std::string version;
        std::string cipher;
        std::string group;
        bool resumed = false;
    };
    std::optional<Secured> secured;
    std::unique_ptr<Secured> server_secured;  ///< of mesh's own TLS to the server; mostly none

    // When each phase was over; absent: it was not reached.
    SteadyTime accepted_at;
    std::optional<SteadyTime> routed_at;
    std::optional<SteadyTime> secured_at;
    std::optional<SteadyTime> connected_at;

    std::uint64_t bytes_up = 0;    ///< of the client's, passed to the server
    std::uint64_t bytes_down = 0;  ///< of the server's, passed to the client
    Cause cause = Cause::proxy;
    std::string reason = "unknown";

    /// The client has said whom it wants.
    void note_hello(const ClientHello& hello);
    /// `of` is the route's service, or one that it is made of; `session` null: in the clear.
    void note_server(const Service& of, const model::Server& reached, const tls::Session* session);
    void note_secured(const tls::Session& session, SteadyTime now);

    /// One line, now that it has ended.
    void write_to(const ConnectionLog& to, SteadyTime now) const;
};

}  // namespace mesh::proxy
