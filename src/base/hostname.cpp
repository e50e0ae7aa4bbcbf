#include "base/hostname.hpp"

#include "base/ascii.hpp"

#include <algorithm>

namespace mesh {
namespace {

constexpr std::size_t name_size_max = 253;
constexpr std::size_t label_size_max = 63;

bool is_label_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool is_digits(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Why `label` cannot stand in a host name, or empty.
std::string_view label_problem(std::string_view label) {
    if (label.empty()) return "an empty label";
    if (label.size() > label_size_max) return "a label longer than 63 bytes";
    if (!std::all_of(label.begin(), label.end(), is_label_byte))
        return "a byte that is not a letter, digit, '-' or '_'";
    if (label.front() == '-' || label.back() == '-') return "a label that starts or ends with '-'";
    return {};
}

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text.substr(0, 80)) out.push_back(c >= 0x20 && c < 0x7F ? c : '?');
    return out;
}

Error bad(std::string_view text, std::string_view why) {
    return {Errc::invalid,
            Origin::client,
            "\"" + printable(text) + "\" is not a host name: " + std::string(why)};
}

}  // namespace

Result<Hostname> Hostname::parse(std::string_view text) {
    std::string_view body = text;
    if (body.ends_with('.')) body.remove_suffix(1);
    if (body.empty()) return bad(text, "it is empty");
    if (body.size() > name_size_max) return bad(text, "it is longer than 253 bytes");

    std::string name(body);
    std::transform(name.begin(), name.end(), name.begin(), ascii_lower);
    std::size_t begin = 0;
    std::string_view last;
    while (begin <= name.size()) {
        const std::size_t dot = std::min(name.find('.', begin), name.size());
        last = std::string_view(name).substr(begin, dot - begin);
        if (const auto problem = label_problem(last); !problem.empty()) return bad(text, problem);
        begin = dot + 1;
    }
    // No top-level domain is numeric (RFC 3696 §2), so this can only be an address.
    if (is_digits(last)) return bad(text, "it is an address, or its last label is a number");
    return Hostname(std::move(name));
}

std::string_view Hostname::parent() const {
    const std::size_t dot = text_.find('.');
    return dot == std::string::npos ? std::string_view{} : std::string_view(text_).substr(dot + 1);
}

Result<HostPattern> HostPattern::parse(std::string_view text) {
    const bool wildcard = text.starts_with("*.");
    auto name = Hostname::parse(wildcard ? text.substr(2) : text);
    if (!name) return name.error();
    return HostPattern(std::move(*name), wildcard);
}

bool HostPattern::matches(const Hostname& host) const {
    return wildcard_ ? host.parent() == name_.text() : host == name_;
}

bool HostPattern::covers(const HostPattern& other) const {
    return other.wildcard_ ? *this == other : matches(other.name_);
}

std::string HostPattern::text() const {
    return wildcard_ ? "*." + name_.text() : name_.text();
}

}  // namespace mesh
