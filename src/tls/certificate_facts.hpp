#pragma once
// Private to this room.
#include "base/result.hpp"
#include "tls/certificate.hpp"

namespace mesh::tls {

/// Reads what CertificateFacts holds. Errors: a date that is none, a broken name list.
[[nodiscard]] Result<CertificateFacts> read_facts(x509_st* certificate);

}  // namespace mesh::tls
