#include "http/target.hpp"

#include "http/curl_url.hpp"

namespace mesh::http {

namespace {

Error invalid(std::string message) {
    return Error{Errc::invalid, Origin::config, std::move(message)};
}

bool is_token(std::string_view name) {
    constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    for (const char c : name) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool digit = c >= '0' && c <= '9';
        if (!letter && !digit && others.find(c) == std::string_view::npos) return false;
    }
    return !name.empty();
}

bool has_line_break(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

Status check_fields(const Request& request) {
    for (const auto& [name, value] : request.headers) {
        if (!is_token(name)) return invalid("not a header field name: '" + name + "'");
        if (has_line_break(value)) return invalid("line break in header field " + name);
    }
    return {};
}

}  // namespace

Result<Target> examine(const Request& request) {
    const CurlUrl url(curl_url());
    if (!url) return Error{Errc::internal, Origin::internal, "out of memory"};
    if (request.url.find('\0') != std::string::npos ||
        curl_url_set(url.get(), CURLUPART_URL, request.url.c_str(), CURLU_NON_SUPPORT_SCHEME) !=
            CURLUE_OK) {
        return invalid("not a URL: '" + request.url.substr(0, 200) + "'");
    }
    Target target;
    target.scheme = part_of(url.get(), CURLUPART_SCHEME);
    const std::string host = part_of(url.get(), CURLUPART_HOST);
    target.authority = host + ":" + part_of(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
    const bool plain_allowed = !request.https_only || !request.unix_socket.empty();
    if (target.scheme != "https" && !(plain_allowed && target.scheme == "http")) {
        return invalid(target.authority + ": '" + target.scheme + "' URL refused, " +
                       (plain_allowed ? "only http and https are" : "only https is") + " allowed");
    }
    if (!request.unix_socket.empty()) target.authority = request.unix_socket;
    target.key = target.scheme + "://" + target.authority;
    if (request.timeout.count() < 0 || (request.timeout.count() == 0 && !request.body_sink)) {
        return invalid(target.authority + ": a request needs a timeout");
    }
    if (request.connect_timeout.count() <= 0) {
        return invalid(target.authority + ": connecting needs a timeout");
    }
    if (Status fields = check_fields(request); !fields) return fields.error();
    return target;
}

}  // namespace mesh::http
