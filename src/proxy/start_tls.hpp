#pragma once
#include "base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mesh::proxy {

/// Whether bytes are the beginning of something.
enum class Match : std::uint8_t { no, need_more, yes };

/// What to do about what a client has said before TLS.
struct ClientStep {
    enum class Action : std::uint8_t {
        need_more,
        answer,     ///< send `answer`, and listen again
        start_tls,  ///< send `answer`, and TLS begins
        plain,      ///< the client goes on in the clear
        cancel,     ///< a message about another connection, which is all of this one
        malformed,  ///< `reason` says why
    };
    Action action = Action::need_more;
    /// Bytes of the message. Whatever comes behind it is not part of it.
    std::size_t size = 0;
    ByteView answer = {};
    std::string_view reason = {};
};

/// A protocol in which the client asks for TLS in the clear, told by what either side says until
/// TLS begins. Stateless and pure, so that one more protocol is one more of these; see
/// postgres_startup.cpp.
struct StartTls {
    std::string_view name;  ///< "Postgres"; for the log

    // Towards clients.

    /// Whether a connection that begins with `bytes` speaks it. Waits for no more than 8 bytes.
    Match (*begins)(ByteView bytes);
    /// What the bytes that have not been answered yet want.
    ClientStep (*client_says)(ByteView bytes);
    /// What a client is told that goes on in the clear where it must not.
    ByteView tls_required;

    // Towards servers.

    ByteView request;  ///< asks a server for TLS
    enum class Answer : std::uint8_t { need_more, yes, no, failed, malformed };
    /// What a server says to that. `answer` may hold more than its answer, which is malformed:
    /// nothing may come before TLS that TLS does not protect. `failed`: it has trouble of its own,
    /// which it tells of in the clear.
    Answer (*server_says)(ByteView answer);
    std::string_view refused_hint;  ///< why a server may have said no: "ssl=off?"
};

}  // namespace mesh::proxy
