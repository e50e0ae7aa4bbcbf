#pragma once
// Private to this room: what OpenSSL has to say about a failure.
#include "base/result.hpp"

#include <string>
#include <string_view>

namespace mesh::tls {

/// Empties this thread's error queue and returns its reasons in the order they arose, at most
/// four, as "reason; reason". Empty when there was nothing in it.
[[nodiscard]] std::string take_openssl_reasons();

/// "doing: reasons", with the thread's whole error queue taken.
[[nodiscard]] Error openssl_error(std::string_view doing,
                                  Origin origin = Origin::internal,
                                  Errc code = Errc::tls);

}  // namespace mesh::tls
