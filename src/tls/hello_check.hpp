#pragma once
// Private to this room: the hello as OpenSSL read it against the one that was routed on.
#include "tls/openssl_ptr.hpp"
#include "tls/session.hpp"

namespace mesh::tls {

enum class HelloVerdict {
    equal,
    different,
    malformed,  ///< the name or protocol list is broken
};

/// Compares server name and ALPN list; to be called inside OpenSSL's client-hello callback, which
/// comes for both hellos of a HelloRetryRequest. A name that is an address counts as none
/// (RFC 6066 §3 allows no addresses).
[[nodiscard]] HelloVerdict compare_hello(SSL* ssl, const ExpectedHello& expected);

/// `equal` when both extensions are readable, whatever they say.
[[nodiscard]] HelloVerdict check_hello(SSL* ssl);

}  // namespace mesh::tls
