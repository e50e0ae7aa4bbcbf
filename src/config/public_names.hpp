#pragma once
#include "base/hostname.hpp"

#include <string>
#include <string_view>

namespace mesh::config {

inline constexpr std::string_view lets_encrypt_directory =
    "https://acme-v02.api.letsencrypt.org/directory";
inline constexpr std::string_view lets_encrypt_staging_directory =
    "https://acme-staging-v02.api.letsencrypt.org/directory";

/// Whether Let's Encrypt runs the CA with this directory.
[[nodiscard]] bool is_lets_encrypt(std::string_view directory);

/// Whether a CA is on the internet as far as its name tells: not an address, not a single label,
/// not under a domain that is reserved for private use or for tests.
[[nodiscard]] bool is_public_ca(std::string_view directory);

/// Why no public CA may issue for this name (Baseline Requirements 3.2.2.4, 7.1.2.7.12), as the
/// end of a sentence; empty when it may. `.example` passes: documentation is full of it, and
/// should be checkable as it stands.
[[nodiscard]] std::string_view not_public_reason(const Hostname& name);

}  // namespace mesh::config
