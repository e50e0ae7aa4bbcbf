#include "config/public_names.hpp"

#include "config/address.hpp"

#include <algorithm>

namespace mesh::config {
namespace {

/// RFC 2606, RFC 6761, RFC 6762, RFC 7686, RFC 8375, and what ICANN set aside for private use.
constexpr std::string_view private_suffixes[] = {
    ".local", ".localhost", ".internal", ".home.arpa", ".test", ".invalid", ".onion"};

bool is_private(std::string_view name) {
    return std::any_of(std::begin(private_suffixes),
                       std::end(private_suffixes),
                       [name](std::string_view suffix) { return name.ends_with(suffix); });
}

}  // namespace

bool is_lets_encrypt(std::string_view directory) {
    const std::string host = host_of_url(directory);
    return host == "letsencrypt.org" || host.ends_with(".letsencrypt.org");
}

bool is_public_ca(std::string_view directory) {
    const std::string host = host_of_url(directory);
    return !canonical_ip(host) && host.find('.') != std::string::npos && !is_private(host) &&
           !host.ends_with(".example") && !host.ends_with(".lan");
}

std::string_view not_public_reason(const Hostname& name) {
    const std::string& text = name.text();
    if (text.find('.') == std::string::npos) return "it has no top-level domain";
    if (is_private(text)) return "its top-level domain is not a public one";
    if (text.find('_') != std::string::npos) return "it holds an underscore";
    return {};
}

}  // namespace mesh::config
