#pragma once
#include "base/hostname.hpp"
#include "rules/connection_facts.hpp"
#include "rules/rule_error.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::rules {

struct Expression;

/// A router's rule, parsed and immutable. Copies share the parsed form, so they are cheap and may
/// be used on any thread.
class Rule {
 public:
    /// Errors: whatever is wrong first, with its place. At most 64 KiB of text and 64 levels of
    /// parentheses and negations; white space means nothing outside quotes.
    [[nodiscard]] static Parsed<Rule> parse(std::string_view text);

    /// Does not allocate. Time is linear in the size of the rule.
    [[nodiscard]] bool matches(const ConnectionFacts& facts) const;

    /// The rule exactly as it was written.
    [[nodiscard]] const std::string& text() const;

    /// The names a certificate for this rule should hold: every HostSNI name under an even number
    /// of negations, in order of appearance, each once. `*` names nothing.
    [[nodiscard]] std::vector<HostPattern> positive_names() const;

    /// True if HostSNI occurs at all, `*` included.
    [[nodiscard]] bool mentions_host_sni() const;
    /// True if HostSNI occurs with anything but `*`: such a rule cannot be decided without TLS.
    [[nodiscard]] bool names_a_host() const;
    /// True if the whole rule is HostSNI(`*`), however it is spaced or put in parentheses.
    [[nodiscard]] bool is_catch_all() const;

    /// Breaks ties between rules of equal priority; greater is narrower. Only comparisons of it
    /// have a meaning.
    [[nodiscard]] int specificity() const;

    /// The parsed form ("rules/expression.hpp"); lives as long as any copy of this rule.
    [[nodiscard]] const Expression& expression() const;

    /// Equal text.
    [[nodiscard]] friend bool operator==(const Rule& a, const Rule& b) {
        return a.text() == b.text();
    }

 private:
    struct Body;
    explicit Rule(std::shared_ptr<const Body> body) : body_(std::move(body)) {}

    std::shared_ptr<const Body> body_;
};

}  // namespace mesh::rules
