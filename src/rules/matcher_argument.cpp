#include "rules/matcher_argument.hpp"

#include "rules/regexp_advice.hpp"

#include <utility>

namespace mesh::rules {
namespace {

constexpr std::string_view acme_protocol = "acme-tls/1";  // RFC 8737 §6.2
constexpr std::size_t protocol_size_max = 255;            // RFC 7301 §3.1

/// `remark`, whose place is one in the literal's value, placed in the rule.
RuleError placed(const Token& literal, RuleError remark) {
    return inside(
        literal, remark.offset, remark.length, std::move(remark.message), std::move(remark.hint));
}

Parsed<Matcher> host_sni(const Token& literal) {
    auto host = parse_host_argument(literal);
    if (!host) return host.error();
    return Matcher(std::move(*host));
}

Parsed<Matcher> host_sni_regexp(const Token& literal, std::vector<Advice>& advice) {
    auto regexp = Regexp::compile(literal.value);
    if (!regexp) return placed(literal, regexp.error());
    for (Advice& found : regexp_advice(literal.value))
        advice.push_back({found.kind, placed(literal, std::move(found.remark))});
    return Matcher(HostSniRegexp{std::move(*regexp)});
}

Parsed<Matcher> client_ip(const Token& literal) {
    const auto network = IpNetwork::parse(literal.value);
    if (network) return Matcher(ClientIp{*network});
    return whole(
        literal,
        '"' + excerpt(literal.value) + "\" is no address or network: " + network.error().message,
        "write ClientIP(`192.0.2.7`) or ClientIP(`192.0.2.0/24`)");
}

Parsed<Matcher> alpn(const Token& literal) {
    if (literal.value == acme_protocol)
        return whole(literal,
                     "acme-tls/1 is how a CA validates a name: no rule routes it",
                     "leave it out; a router with passthrough gets it for its names in any case");
    if (literal.value.size() > protocol_size_max)
        return whole(literal,
                     "an ALPN protocol has at most " + std::to_string(protocol_size_max) +
                         " bytes, so this could not match");
    return Matcher(Alpn{literal.value});
}

}  // namespace

RuleError inside(const Token& literal,
                 std::size_t begin,
                 std::size_t length,
                 std::string message,
                 std::string hint) {
    RuleError error{literal.offset, literal.length, std::move(message), std::move(hint)};
    if (literal.verbatim) {
        error.offset = literal.offset + 1 + begin;
        error.length = length;
    }
    return error;
}

RuleError whole(const Token& literal, std::string message, std::string hint) {
    return inside(literal, 0, literal.value.size(), std::move(message), std::move(hint));
}

Parsed<Matcher> parse_argument(const MatcherName& name,
                               const Token& literal,
                               std::vector<Advice>& advice) {
    if (literal.value.empty())
        return RuleError{literal.offset,
                         literal.length,
                         std::string(name.name) + " needs " + std::string(name.needs),
                         "write " + std::string(name.example)};
    switch (name.kind) {
        case MatcherKind::host_sni:
            return host_sni(literal);
        case MatcherKind::host_sni_regexp:
            return host_sni_regexp(literal, advice);
        case MatcherKind::client_ip:
            return client_ip(literal);
        case MatcherKind::alpn:
            break;
    }
    return alpn(literal);
}

}  // namespace mesh::rules
