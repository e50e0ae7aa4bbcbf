#pragma once
// Private to this room: PEM text into its blocks.
#include "base/bytes.hpp"
#include "base/result.hpp"

#include <functional>
#include <string_view>

namespace mesh::tls {

/// One block; the views hold during the visit only and are wiped after it.
struct PemBlock {
    std::string_view label;    ///< "CERTIFICATE"
    std::string_view headers;  ///< RFC 1421 headers, such as "Proc-Type: 4,ENCRYPTED"
    ByteView content;
};

/// Calls `visit` with each block of `text` in order until it returns an error, which is passed
/// on. Whatever stands between blocks is ignored, CRLF and a byte order mark too. Errors: over
/// 1 MiB of text; a block that begins but does not decode.
[[nodiscard]] Status for_each_pem_block(std::string_view text,
                                        const std::function<Status(const PemBlock&)>& visit);

}  // namespace mesh::tls
