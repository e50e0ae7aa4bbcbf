#include "http/url.hpp"

#include "http/curl_url.hpp"

namespace mesh::http {

namespace {

constexpr std::size_t url_size_max = 4096;

Error bad_url(std::string message) {
    return Error{Errc::invalid, Origin::upstream, std::move(message)};
}

}  // namespace

Result<std::string> resolve_url(const std::string& base, std::string_view reference) {
    if (reference.empty() || reference.size() > url_size_max)
        return bad_url("empty or overlong URL");
    // libcurl wants C strings: a byte after a zero would be lost, and control bytes are no URL.
    for (const char c : reference) {
        if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') return bad_url("not a URL");
    }
    const CurlUrl url(curl_url());
    if (!url) return Error{Errc::internal, Origin::internal, "out of memory"};
    const bool known = curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0) == CURLUE_OK;
    if (curl_url_set(url.get(), CURLUPART_URL, std::string(reference).c_str(), 0) != CURLUE_OK) {
        return bad_url(known ? "not a URL" : "relative URL");
    }
    if (part_of(url.get(), CURLUPART_SCHEME) != "https") return bad_url("not an https URL");
    std::string text = part_of(url.get(), CURLUPART_URL);
    if (text.empty() || text.size() > url_size_max) return bad_url("empty or overlong URL");
    return text;
}

std::string authority_of(const std::string& text) {
    const CurlUrl url(curl_url());
    if (!url || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) return {};
    return part_of(url.get(), CURLUPART_HOST) + ":" +
           part_of(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
}

}  // namespace mesh::http
