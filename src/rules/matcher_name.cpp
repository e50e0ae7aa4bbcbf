#include "rules/matcher_name.hpp"

#include "base/nearest.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace mesh::rules {
namespace {

constexpr std::string_view enforced = "HostSNI";

struct Planned {
    std::string_view name;
    std::string_view hint;
};
constexpr std::array planned{
    Planned{"HostSNIRegexp",
            "list the names with ||, or use a wildcard: HostSNI(`*.shop.example`)"},
    Planned{"Host", "write HostSNI, which is what it means for TCP"},
    Planned{"ClientIP", ""},
    Planned{"ALPN", ""},
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

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
char upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

std::string mapped(std::string_view text, char (*map)(char)) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), map);
    return out;
}

/// The four spellings Traefik accepts, and no other.
bool spells(std::string_view typed, std::string_view canonical) {
    if (typed == canonical || typed == mapped(canonical, upper)) return true;
    std::string spelling = mapped(canonical, lower);
    if (typed == spelling) return true;
    spelling.front() = upper(spelling.front());
    return typed == spelling;
}

RuleError at(const Token& name, std::string message, std::string_view hint) {
    return {name.offset, name.length, std::move(message), std::string(hint)};
}

RuleError unknown(const Token& name) {
    static const std::vector<std::string> candidates{
        "HostSNI", "HostSNIRegexp", "ClientIP", "ALPN"};
    const auto meant = nearest(name.value, candidates);
    return at(name,
              "unknown matcher \"" + excerpt(name.value) + "\"",
              meant ? "did you mean " + *meant + "?" : "this version knows HostSNI");
}

}  // namespace

bool is_matcher_name(std::string_view name) {
    return spells(name, enforced) ||
           std::any_of(planned.begin(), planned.end(), [&](const Planned& p) {
               return spells(name, p.name);
           });
}

std::optional<RuleError> refuse_matcher(const Token& name) {
    if (spells(name.value, enforced)) return std::nullopt;
    for (const Planned& matcher : planned)
        if (spells(name.value, matcher.name))
            return at(name,
                      std::string(matcher.name) + " is not supported in this version",
                      matcher.hint);
    for (const std::string_view http : http_matchers)
        if (mapped(name.value, lower) == mapped(http, lower))
            return at(name,
                      std::string(http) + " is an HTTP matcher: TCP routing sees no requests",
                      "match the server name with HostSNI(`shop.example`)");
    return unknown(name);
}

}  // namespace mesh::rules
