#pragma once
#include "base/result.hpp"

#include <string_view>

namespace mesh::tls {

/// What becomes of "TRUSTED CERTIFICATE" blocks, which say what their CA is trusted for, or that it
/// is not: whoever reads them as certificates alone must refuse them.
enum class TrustSettings { refused, heeded };

/// Whether `pem` can serve as a set of trusted CAs: it holds a certificate, all in it parse, and
/// nothing that it says is lost.
[[nodiscard]] Status check_authorities(std::string_view pem, TrustSettings settings);

}  // namespace mesh::tls
