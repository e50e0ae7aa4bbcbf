#pragma once
#include "rules/rule_error.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace mesh::rules {

/// A compiled regular expression (RE2, which is also Go's syntax). Immutable; copies share the
/// compiled form and may be used on any thread, where RE2 keeps the states it has met under a
/// reader lock. Time is linear in the text, whatever the pattern.
class Regexp {
 public:
    static constexpr std::size_t pattern_size_max = 1024;
    /// Of the compiled form and the states met while matching; beyond it matching is slower.
    static constexpr std::size_t memory_max = std::size_t{256} << 10;

    /// What it is matched against: ASCII, or UTF-8.
    enum class Subject { host_name, text };

    /// Errors, placed in the pattern: more than `pattern_size_max` bytes, not ASCII where host
    /// names are, not a regular expression, or one that needs more memory than it may have.
    [[nodiscard]] static Parsed<Regexp> compile(std::string_view pattern,
                                                Subject subject = Subject::host_name);

    /// True if it matches anywhere in `text`.
    [[nodiscard]] bool matches(std::string_view text) const;
    [[nodiscard]] const std::string& pattern() const;

 private:
    explicit Regexp(std::shared_ptr<const re2::RE2> compiled) : compiled_(std::move(compiled)) {}

    std::shared_ptr<const re2::RE2> compiled_;
};

}  // namespace mesh::rules
