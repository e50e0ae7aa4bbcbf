#pragma once
#include "base/bytes.hpp"
#include "proxy/start_tls.hpp"

#include <cstdint>
#include <span>

namespace mesh::proxy {

/// What the first bytes of a connection are the beginning of.
enum class Opening : std::uint8_t {
    need_more,  ///< more than one thing still
    tls,        ///< a record with a ClientHello, or an SSLv2 hello, which TLS refuses
    start_tls,  ///< a protocol that asks for TLS in the clear: Sniffed::protocol
    other,      ///< none that mesh looks into
};

struct Sniffed {
    Opening opening = Opening::need_more;
    const StartTls* protocol = nullptr;
};

/// Asks every sniffer in turn what `bytes`, all that has come so far, begin. Pure; the answer for
/// bytes that are decided does not change with what follows them. A protocol is looked for only if
/// it is among `protocols`.
///
/// Bound: no more than 8 bytes are ever waited for, and TLS, whose first byte begins nothing else,
/// is known by that byte.
[[nodiscard]] Sniffed sniff(ByteView bytes, std::span<const StartTls* const> protocols);

}  // namespace mesh::proxy
