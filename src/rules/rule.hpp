#pragma once
#include "base/hostname.hpp"
#include "rules/advice.hpp"
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

    /// Time is linear in the size of the rule. Does not allocate, but for what regular expressions
    /// keep of the first names they see.
    [[nodiscard]] bool matches(const ConnectionFacts& facts) const;
    /// False only if no connection that names `name` matches, whoever sends it and whatever
    /// protocols it offers.
    [[nodiscard]] bool may_match(const Hostname& name) const;
    /// The protocol by which `facts` match, which the server then selects: that of the first ALPN,
    /// in the order of the text, which is not negated and holds in a side of `||` that does. Empty
    /// without one; lives as long as any copy of this rule. Only for facts that match.
    [[nodiscard]] std::string_view protocol_matched(const ConnectionFacts& facts) const;

    /// The rule exactly as it was written.
    [[nodiscard]] const std::string& text() const;

    /// Remarks on it, at most one of each kind.
    [[nodiscard]] const std::vector<Advice>& advice() const;

    /// The names a certificate for this rule should hold: every HostSNI name under an even number
    /// of negations, in order of appearance, each once. `*`, regular expressions and the other
    /// matchers name nothing.
    [[nodiscard]] std::vector<HostPattern> positive_names() const;

    /// True if HostSNI or HostSNIRegexp occurs at all, `*` included.
    [[nodiscard]] bool mentions_host_sni() const;
    /// True if a HostSNIRegexp occurs that is not negated.
    [[nodiscard]] bool has_positive_regexp() const;
    /// True if HostSNI occurs with anything but `*`, or HostSNIRegexp: such a rule cannot be
    /// decided without TLS.
    [[nodiscard]] bool names_a_host() const;
    /// True if ALPN occurs: neither can such a rule.
    [[nodiscard]] bool asks_for_protocol() const;
    /// The protocols of every ALPN that is not negated: those protocol_matched may name.
    [[nodiscard]] std::vector<std::string> positive_protocols() const;
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
