#pragma once
#include "base/result.hpp"
#include "http/shown_certificate.hpp"

#include <curl/curl.h>

#include <chrono>
#include <string>
#include <string_view>

namespace mesh::http {

/// What is known about a transfer that libcurl gave up.
struct FailedTransfer {
    CURL* easy = nullptr;
    CURLcode code = CURLE_OK;
    std::string_view detail;                  ///< libcurl's error buffer
    std::string_view authority;               ///< whom we talked to
    std::string_view trusted;                 ///< the files whose certificates were believed
    std::string_view identity;                ///< the files of our own certificate; may be empty
    const ShownCertificate* shown = nullptr;  ///< what the server showed, if it came to that
    std::chrono::milliseconds timeout{};      ///< zero: none
    std::chrono::milliseconds connect_timeout{};
    bool encrypted = false;
    bool tls_begun = false;  ///< a hello has been sent, so TCP was through
};

/// One sentence for an operator: who was asked, how far it got, what went wrong.
[[nodiscard]] Error error_of(const FailedTransfer& failed);

}  // namespace mesh::http
