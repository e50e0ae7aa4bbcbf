#include "rules/matcher_name.hpp"

#include "base/ascii.hpp"
#include "base/nearest.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace mesh::rules {
namespace {

constexpr std::string_view host_example =
    "HostSNI(`shop.example`), or HostSNI(`*`) for every connection";

constexpr std::array names{
    MatcherName{"HostSNI", MatcherKind::host_sni, "a host name", "one name", host_example},
    MatcherName{"Host", MatcherKind::host_sni, "a host name", "one name", host_example},
    MatcherName{"HostSNIRegexp",
                MatcherKind::host_sni_regexp,
                "a regular expression",
                "one regular expression",
                "HostSNIRegexp(`^[a-z]+\\.shop\\.example$`)"},
    MatcherName{"ClientIP",
                MatcherKind::client_ip,
                "an address or a network",
                "one address or network",
                "ClientIP(`192.0.2.7`) or ClientIP(`192.0.2.0/24`)"},
    MatcherName{"ALPN", MatcherKind::alpn, "a protocol", "one protocol", "ALPN(`h2`)"},
};

constexpr std::array<std::string_view, 11> http_matchers{"Path",
                                                         "PathPrefix",
                                                         "PathRegexp",
                                                         "Method",
                                                         "Header",
                                                         "HeaderRegexp",
                                                         "Headers",
                                                         "HeadersRegexp",
                                                         "HostRegexp",
                                                         "HostHeader",
                                                         "Query"};

RuleError unknown(const Token& word) {
    static const std::vector<std::string> candidates{
        "HostSNI", "HostSNIRegexp", "ClientIP", "ALPN"};
    const auto meant = nearest(word.value, candidates);
    return at(word,
              "unknown matcher \"" + excerpt(word.value) + "\"",
              meant ? "did you mean " + *meant + "?"
                    : "there are HostSNI, HostSNIRegexp, ClientIP and ALPN");
}

}  // namespace

const MatcherName* matcher_named(std::string_view word) {
    const auto* const found = std::find_if(names.begin(), names.end(), [&](const MatcherName& n) {
        return equal_ignoring_case(word, n.name);
    });
    return found == names.end() ? nullptr : found;
}

Parsed<const MatcherName*> find_matcher(const Token& word) {
    if (const MatcherName* const name = matcher_named(word.value)) return name;
    for (const std::string_view http : http_matchers)
        if (equal_ignoring_case(word.value, http))
            return at(word,
                      std::string(http) + " is an HTTP matcher: TCP routing sees no requests",
                      "match the server name with HostSNI(`shop.example`)");
    return unknown(word);
}

}  // namespace mesh::rules
