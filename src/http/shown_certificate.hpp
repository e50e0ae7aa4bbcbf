#pragma once
#include "base/bytes.hpp"

#include <optional>
#include <string>

namespace mesh::http {

/// Whom the certificate a server showed speaks of. Not verified: for messages only.
struct ShownCertificate {
    std::string subject;
    std::string issuer;
};

/// Reads the first certificate out of a TLS Certificate message, of TLS 1.3 or before (RFC 8446
/// §4.4.2, RFC 5246 §7.4.2). For each name the last common name, else organization, as at most 100
/// bytes of printable ASCII; "?" where there is none. Nothing when the bytes are no such message.
[[nodiscard]] std::optional<ShownCertificate> read_certificate_message(ByteView message);

}  // namespace mesh::http
