#include "http/client.hpp"

#include <curl/curl.h>

#include <strings.h>

namespace mesh::http {

namespace {

bool same_field(std::string_view left, std::string_view right) {
    return left.size() == right.size() && strncasecmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace

std::string_view Response::header(std::string_view name) const {
    for (const auto& [field, value] : headers) {
        if (same_field(field, name)) return value;
    }
    return {};
}

std::vector<std::string_view> Response::all_headers(std::string_view name) const {
    std::vector<std::string_view> values;
    for (const auto& [field, value] : headers) {
        if (same_field(field, name)) values.emplace_back(value);
    }
    return values;
}

std::string runtime_version() {
    const curl_version_info_data* info = curl_version_info(CURLVERSION_NOW);
    std::string text = "libcurl ";
    text += info->version;
    if (info->ssl_version != nullptr) {
        text += " (";
        text += info->ssl_version;
        text += ")";
    }
    return text;
}

std::string build_version() {
    return "libcurl " LIBCURL_VERSION;
}

}  // namespace mesh::http
