#include "config/address.hpp"

#include "base/ascii.hpp"
#include "base/hostname.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>

namespace mesh::config {
namespace {

constexpr std::size_t url_size_max = 2048;

Error bad(std::string reason) {
    return {Errc::invalid, Origin::config, std::move(reason)};
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, port);
    if (parsed.ec != std::errc{} || parsed.ptr != end || port == 0) return std::nullopt;
    return port;
}

struct Split {
    std::string_view host;
    std::string_view port;
    bool bracketed = false;
};

/// "host:port" or "[v6]:port"; the host may be empty.
Result<Split> split_host_port(std::string_view text) {
    if (text.find("://") != std::string_view::npos)
        return bad("it is a URL; only host and port are wanted");
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos) return bad("the '[' is not closed");
        const std::string_view after = text.substr(close + 1);
        if (!after.starts_with(':')) return bad("the port is missing");
        return Split{text.substr(1, close - 1), after.substr(1), true};
    }
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return bad("the port is missing");
    const std::string_view host = text.substr(0, colon);
    if (host.find(':') != std::string_view::npos)
        return bad("an IPv6 address needs brackets: [::1]:443");
    return Split{host, text.substr(colon + 1), false};
}

Result<HostAndPort> with_port(const Split& split, std::string host) {
    const auto port = parse_port(split.port);
    if (!port) return bad("the port must be a number from 1 to 65535");
    return HostAndPort{std::move(host), *port};
}

bool is_ipv6(std::string_view ip) {
    return ip.find(':') != std::string_view::npos;
}

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

/// The canonical spelling of a URL's authority.
Result<std::string> parse_authority(std::string_view text) {
    if (text.find('@') != std::string_view::npos) return bad("it holds a user name");
    const std::size_t host_end = text.starts_with('[') ? text.find(']') : 0;
    if (host_end == std::string_view::npos) return bad("the '[' is not closed");
    const bool has_port = text.find(':', host_end) != std::string_view::npos;
    const auto parsed = parse_server_address(std::string(text) + (has_port ? "" : ":443"));
    if (!parsed) return parsed.error();
    std::string out = is_ipv6(parsed->host) ? '[' + parsed->host + ']' : parsed->host;
    if (parsed->port != 443) out += ':' + std::to_string(parsed->port);
    return out;
}

}  // namespace

std::optional<std::string> canonical_ip(std::string_view text) {
    const std::string zero_terminated(text);
    std::array<unsigned char, sizeof(in6_addr)> binary{};
    std::array<char, INET6_ADDRSTRLEN> printed{};
    for (const int family : {AF_INET, AF_INET6}) {
        if (::inet_pton(family, zero_terminated.c_str(), binary.data()) != 1) continue;
        if (::inet_ntop(family, binary.data(), printed.data(), printed.size()) == nullptr) continue;
        return std::string(printed.data());
    }
    return std::nullopt;
}

Result<HostAndPort> parse_listen_address(std::string_view text) {
    if (text.ends_with("/tcp")) text.remove_suffix(4);
    if (text.ends_with("/udp")) return bad("mesh does not carry UDP");
    auto split = split_host_port(text);
    if (!split) return split.error();
    if (split->host.empty() && !split->bracketed) return with_port(*split, {});
    auto ip = canonical_ip(split->host);
    if (!ip) return bad("the host must be an IP address, or left out for all addresses");
    if (is_ipv6(*ip) != split->bracketed) return bad("brackets are for IPv6 addresses");
    return with_port(*split, std::move(*ip));
}

Result<HostAndPort> parse_server_address(std::string_view text) {
    const auto split = split_host_port(text);
    if (!split) return split.error();
    if (split->host.empty()) return bad("the host is missing");
    if (auto ip = canonical_ip(split->host)) {
        if (is_ipv6(*ip) != split->bracketed) return bad("brackets are for IPv6 addresses");
        return with_port(*split, std::move(*ip));
    }
    if (split->bracketed) return bad("between the brackets is no IPv6 address");
    const auto name = Hostname::parse(split->host);
    if (!name) return bad("the host is neither an IP address nor a host name");
    return with_port(*split, name->text());
}

Result<std::string> parse_https_url(std::string_view text) {
    constexpr std::string_view scheme = "https://";
    if (text.size() > url_size_max) return bad("it is longer than 2048 bytes");
    if (!is_printable(text)) return bad("it holds a space or a character that URLs do without");
    if (!equal_ignoring_case(text.substr(0, scheme.size()), scheme))
        return bad("it must begin with https://");
    const std::string_view rest = text.substr(scheme.size());
    if (rest.find('#') != std::string_view::npos) return bad("it holds a fragment");
    const std::size_t path = std::min(rest.find_first_of("/?"), rest.size());
    const auto authority = parse_authority(rest.substr(0, path));
    if (!authority) return authority.error();
    return std::string(scheme) + *authority + std::string(rest.substr(path));
}

std::string host_of_url(std::string_view url) {
    url.remove_prefix(std::min(url.find("://") + 3, url.size()));
    url = url.substr(0, url.find_first_of("/?"));
    if (url.starts_with('[')) return std::string(url.substr(1, url.find(']') - 1));
    return std::string(url.substr(0, url.find(':')));
}

}  // namespace mesh::config
