#pragma once
#include "base/result.hpp"

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace mesh {

/// A DNS host name in its one canonical spelling: lower-case ASCII, no final dot. Everything that
/// compares names (routing, certificates, challenges, store) compares this type, so that a name
/// can never mean two things in two rooms.
class Hostname {
 public:
    /// Lower-cases and strips one final dot. Errors: empty, longer than 253 bytes, a label that is
    /// empty or longer than 63 bytes, a byte outside letters, digits, '-' and '_', a label that
    /// starts or ends with '-', an IPv4 address.
    [[nodiscard]] static Result<Hostname> parse(std::string_view text);

    [[nodiscard]] const std::string& text() const { return text_; }
    /// What follows the first dot; empty for a single label.
    [[nodiscard]] std::string_view parent() const;

    auto operator<=>(const Hostname&) const = default;

 private:
    explicit Hostname(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

/// A name as certificates and rules hold it: a host name, or `*.` in front of one, which stands
/// for exactly one label (RFC 6125 §6.4.3).
class HostPattern {
 public:
    [[nodiscard]] static Result<HostPattern> parse(std::string_view text);
    explicit HostPattern(Hostname exact) : name_(std::move(exact)) {}

    [[nodiscard]] bool is_wildcard() const { return wildcard_; }
    /// The exact name, or what follows `*.`.
    [[nodiscard]] const Hostname& name() const { return name_; }
    [[nodiscard]] bool matches(const Hostname& host) const;
    /// True if every host that `other` matches is matched by this one too.
    [[nodiscard]] bool covers(const HostPattern& other) const;
    [[nodiscard]] std::string text() const;

    auto operator<=>(const HostPattern&) const = default;

 private:
    HostPattern(Hostname name, bool wildcard) : name_(std::move(name)), wildcard_(wildcard) {}
    Hostname name_;
    bool wildcard_ = false;
};

}  // namespace mesh

template <>
struct std::hash<mesh::Hostname> {
    std::size_t operator()(const mesh::Hostname& name) const noexcept {
        return std::hash<std::string>{}(name.text());
    }
};
