#pragma once
// Private to this room: the certificates of CAs in a PEM text.
#include "base/result.hpp"
#include "tls/openssl_ptr.hpp"
#include "tls/trust_settings.hpp"

#include <functional>
#include <string_view>

namespace mesh::tls {

/// Calls `visit` with each certificate in `pem`, in order, until it returns an error, which is
/// passed on. Errors (config): one that does not parse; trust settings, unless heeded; none at all.
[[nodiscard]] Status for_each_authority(std::string_view pem,
                                        const std::function<Status(X509&)>& visit,
                                        TrustSettings settings = TrustSettings::refused);

}  // namespace mesh::tls
