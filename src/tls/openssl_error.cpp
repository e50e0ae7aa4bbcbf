#include "tls/openssl_error.hpp"

#include <openssl/err.h>

namespace mesh::tls {
namespace {

constexpr int reasons_max = 4;

std::string reason_text(unsigned long code) {
    // System errors have no reason string in OpenSSL's tables.
    if (const char* reason = ERR_reason_error_string(code)) return reason;
    return "error " + std::to_string(ERR_GET_REASON(code));
}

}  // namespace

std::string take_openssl_reasons() {
    std::string text;
    int taken = 0;
    while (const unsigned long code = ERR_get_error()) {
        if (++taken > reasons_max) continue;
        if (!text.empty()) text += "; ";
        text += reason_text(code);
    }
    return text;
}

Error openssl_error(std::string_view doing, Origin origin, Errc code) {
    const std::string reasons = take_openssl_reasons();
    std::string message(doing);
    if (!reasons.empty()) message += ": " + reasons;
    return {code, origin, std::move(message)};
}

}  // namespace mesh::tls
