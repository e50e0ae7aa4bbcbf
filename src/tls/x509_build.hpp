#pragma once
// Private to this room: the pieces of certificates and requests we make ourselves.
#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/hostname.hpp"
#include "base/result.hpp"
#include "tls/openssl_ptr.hpp"

#include <string>
#include <vector>

namespace mesh::tls {

/// A subjectAltName extension of dNSName entries in the given order, made of GENERAL_NAME objects:
/// a name is never parsed as an option of OpenSSL's configuration language.
[[nodiscard]] Result<ExtensionPtr> subject_alt_name(const std::vector<HostPattern>& names);

/// What a self-signed certificate of ours says.
struct SelfSigned {
    std::string common_name;
    std::vector<HostPattern> names;
    WallTime not_before;
    WallTime not_after;
    ExtensionPtr extension;  ///< one more besides the SAN, may be null
};

/// An X.509 v3 certificate with a random positive 127-bit serial, subject equal to issuer,
/// signed with its own key.
[[nodiscard]] Result<X509Ptr> make_self_signed(const SelfSigned& content, EVP_PKEY* key);

}  // namespace mesh::tls
