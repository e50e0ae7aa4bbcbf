#pragma once
#include <cstdint>

/// TLS alerts that a client without a route or a certificate is told (RFC 8446 §6.2).
namespace mesh::proxy::alert {

inline constexpr std::uint8_t access_denied = 49;
inline constexpr std::uint8_t unrecognized_name = 112;        // RFC 6066 §3
inline constexpr std::uint8_t no_application_protocol = 120;  // RFC 7301 §3.2

}  // namespace mesh::proxy::alert
