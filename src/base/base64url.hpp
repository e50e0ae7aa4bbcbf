#pragma once
#include "base/bytes.hpp"
#include "base/result.hpp"

#include <string>
#include <string_view>

namespace mesh {

/// RFC 4648 §5 without padding, as JOSE uses it (RFC 7515 §2).
[[nodiscard]] std::string base64url_encode(ByteView bytes);
[[nodiscard]] std::string base64url_encode(std::string_view text);

/// Strict: padding, white space, foreign characters, an impossible length and non-zero tail bits
/// are errors, so that every byte string has exactly one spelling.
[[nodiscard]] Result<Bytes> base64url_decode(std::string_view text);

}  // namespace mesh
