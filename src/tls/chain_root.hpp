#pragma once
#include "tls/certificate.hpp"

#include <string>

namespace mesh::tls {

/// Common name of the issuer of a chain's last certificate: of the root that clients need. Empty
/// when it has none.
[[nodiscard]] std::string root_name(const CertificateChain& chain);

}  // namespace mesh::tls
