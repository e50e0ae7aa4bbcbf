#include "http/url.hpp"

#include <curl/curl.h>

#include <memory>

namespace mesh::http {

namespace {

constexpr std::size_t url_size_max = 4096;

struct FreeUrl {
    void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, FreeUrl>;

std::string part(CURLU* url, CURLUPart which, unsigned flags) {
    char* text = nullptr;
    if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return {};
    std::string copy(text);
    curl_free(text);
    return copy;
}

Error invalid(std::string message) {
    return Error{Errc::invalid, Origin::upstream, std::move(message)};
}

}  // namespace

Result<std::string> resolve_url(const std::string& base, std::string_view reference) {
    if (reference.empty() || reference.size() > url_size_max)
        return invalid("empty or overlong URL");
    // libcurl wants C strings: a byte after a zero would be lost, and control bytes are no URL.
    for (const char c : reference) {
        if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') return invalid("not a URL");
    }
    const Url url(curl_url());
    if (!url) return Error{Errc::internal, Origin::internal, "out of memory"};
    const bool known = curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0) == CURLUE_OK;
    if (curl_url_set(url.get(), CURLUPART_URL, std::string(reference).c_str(), 0) != CURLUE_OK) {
        return invalid(known ? "not a URL" : "relative URL");
    }
    if (part(url.get(), CURLUPART_SCHEME, 0) != "https") return invalid("not an https URL");
    std::string text = part(url.get(), CURLUPART_URL, 0);
    if (text.empty() || text.size() > url_size_max) return invalid("empty or overlong URL");
    return text;
}

std::string authority_of(const std::string& text) {
    const Url url(curl_url());
    if (!url || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) return {};
    return part(url.get(), CURLUPART_HOST, 0) + ":" +
           part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
}

}  // namespace mesh::http
