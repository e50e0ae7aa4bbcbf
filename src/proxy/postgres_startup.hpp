#pragma once
#include "proxy/start_tls.hpp"

#include <cstddef>
#include <cstdint>

namespace mesh::proxy {

/// The first message of a Postgres client: its length in four bytes, itself included, and a code
/// in four more. Source: PostgreSQL's documentation, "Message Formats" (SSLRequest,
/// GSSENCRequest, CancelRequest, StartupMessage) and "Message Flow".
struct PostgresMessage {
    enum class Kind : std::uint8_t {
        none,  ///< not a Postgres client
        need_more,
        ssl_request,
        gss_request,
        cancel_request,
        startup,  ///< of protocol 3; its parameters are the server's business
    };
    Kind kind = Kind::need_more;
    std::size_t size = 0;  ///< as the message says, even if not all of it has come
};

/// What `bytes` begin with: pure, decided by the first 8 bytes, or sooner if they cannot be any of
/// these. A length that no such message has, or that a server would refuse (10,000 bytes of a
/// StartupMessage, 8 to 256 of a cancel key and the process's number), is not Postgres.
[[nodiscard]] PostgresMessage read_postgres_message(ByteView bytes);

/// Postgres, as mesh speaks it until TLS begins. SSLRequest is answered `S`, GSSENCRequest `N`; a
/// client that begins in the clear is told FATAL 28000, `TLS required: use sslmode=require`, where
/// that is not offered. A server has to answer SSLRequest by one byte alone.
[[nodiscard]] const StartTls& postgres();

}  // namespace mesh::proxy
