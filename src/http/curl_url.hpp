#pragma once
#include <curl/curl.h>

#include <memory>
#include <string>

namespace mesh::http {

struct FreeCurlUrl {
    void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};
using CurlUrl = std::unique_ptr<CURLU, FreeCurlUrl>;

/// One part of `url`, empty when it has none. `flags`: CURLU_*.
[[nodiscard]] std::string part_of(CURLU* url, CURLUPart which, unsigned flags = 0);

}  // namespace mesh::http
