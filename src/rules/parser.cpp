#include "rules/parser.hpp"

#include "base/ascii.hpp"
#include "rules/lexer.hpp"
#include "rules/matcher_argument.hpp"
#include "rules/matcher_name.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace mesh::rules {
namespace {

/// The operator a word was meant to be, or empty.
std::string_view operator_meant_by(const Token& token) {
    if (token.kind != TokenKind::word) return {};
    if (equal_ignoring_case(token.value, "and")) return "&&";
    if (equal_ignoring_case(token.value, "or")) return "||";
    if (equal_ignoring_case(token.value, "not")) return "!";
    return {};
}

/// `operands` joined to one node; nested nodes of the same kind are merged into it.
template <class Node>
Expression join(std::vector<Expression> operands) {
    if (operands.size() == 1) return std::move(operands.front());
    Node joined;
    for (Expression& operand : operands) {
        if (auto* const same = std::get_if<Node>(&operand.node))
            std::move(
                same->operands.begin(), same->operands.end(), std::back_inserter(joined.operands));
        else
            joined.operands.push_back(std::move(operand));
    }
    return {std::move(joined)};
}

/// Where in the tree the parser is: how deep, and under an even or odd number of negations.
struct Place {
    int depth = 0;
    bool negated = false;
};

class Parser {
 public:
    explicit Parser(std::string_view text) : lexer_(text) {}

    Parsed<ParsedRule> whole_rule() {
        if (auto first = advance(); !first) return first.error();
        if (token_.kind == TokenKind::end)
            return at(token_, "the rule is empty", "write for example HostSNI(`shop.example`)");
        auto expression = disjunction({});
        if (!expression) return expression.error();
        if (token_.kind != TokenKind::end) return after_operand();
        return ParsedRule{std::move(*expression), first_of_each_kind(std::move(advice_))};
    }

 private:
    Parsed<void> advance() {
        auto token = lexer_.next();
        if (!token) return token.error();
        token_ = std::move(*token);
        return {};
    }

    Parsed<Expression> disjunction(Place place) {
        std::vector<Expression> operands;
        for (;;) {
            auto operand = conjunction(place);
            if (!operand) return operand;
            operands.push_back(std::move(*operand));
            if (token_.kind != TokenKind::either) break;
            last_operator_ = token_;
            if (auto next = advance(); !next) return next.error();
        }
        return place.negated ? join<All>(std::move(operands)) : join<Any>(std::move(operands));
    }

    Parsed<Expression> conjunction(Place place) {
        std::vector<Expression> operands;
        for (;;) {
            auto operand = unary(place);
            if (!operand) return operand;
            operands.push_back(std::move(*operand));
            if (token_.kind != TokenKind::both) break;
            last_operator_ = token_;
            if (auto next = advance(); !next) return next.error();
        }
        return place.negated ? join<Any>(std::move(operands)) : join<All>(std::move(operands));
    }

    Parsed<Expression> unary(Place place) {
        if (place.depth > rule_depth_max)
            return at(
                token_,
                "the rule is nested more than " + std::to_string(rule_depth_max) + " levels deep");
        switch (token_.kind) {
            case TokenKind::negation: {
                last_operator_ = token_;
                if (auto next = advance(); !next) return next.error();
                return unary({place.depth + 1, !place.negated});
            }
            case TokenKind::open:
                return group(place);
            case TokenKind::word:
                return matcher(place);
            default:
                return no_operand();
        }
    }

    Parsed<Expression> group(Place place) {
        if (auto next = advance(); !next) return next.error();
        if (token_.kind == TokenKind::close)
            return at(token_, "nothing stands between these parentheses");
        auto inner = disjunction({place.depth + 1, place.negated});
        if (!inner) return inner;
        if (token_.kind != TokenKind::close)
            return token_.kind == TokenKind::end ? at(token_, "a closing parenthesis is missing")
                                                 : after_operand();
        if (auto next = advance(); !next) return next.error();
        return inner;
    }

    Parsed<Expression> matcher(Place place) {
        const Token word = token_;
        if (const auto meant = operator_meant_by(word); !meant.empty()) return word_operator(meant);
        if (auto next = advance(); !next) return next.error();
        if (token_.kind != TokenKind::open) return bare_word(word);
        const auto name = find_matcher(word);
        if (!name) return name.error();
        if ((*name)->name == "Host") note_alias(word);
        auto matcher = argument(**name);
        if (!matcher) return matcher.error();
        return Expression{Leaf{std::move(*matcher), place.negated}};
    }

    /// From the opening parenthesis to behind the closing one.
    Parsed<Matcher> argument(const MatcherName& name) {
        if (auto next = advance(); !next) return next.error();
        if (token_.kind != TokenKind::literal) return no_literal(name);
        const Token literal = token_;
        if (auto next = advance(); !next) return next.error();
        if (token_.kind == TokenKind::comma) return several_arguments(name, literal);
        if (token_.kind != TokenKind::close)
            return at(token_.kind == TokenKind::end ? token_ : behind(literal),
                      "the closing parenthesis of " + std::string(name.name) + " is missing");
        auto matcher = parse_argument(name, literal, advice_);
        if (!matcher) return matcher;
        if (auto next = advance(); !next) return next.error();
        return matcher;
    }

    void note_alias(const Token& word) {
        advice_.push_back({Advice::Kind::host_alias,
                           at(word,
                              "Host means HostSNI here: TCP routing sees the server name only",
                              "write HostSNI")});
    }

    static std::vector<Advice> first_of_each_kind(std::vector<Advice> all) {
        std::vector<Advice> kept;
        for (Advice& advice : all) {
            const auto same = [&](const Advice& other) { return other.kind == advice.kind; };
            if (std::none_of(kept.begin(), kept.end(), same)) kept.push_back(std::move(advice));
        }
        return kept;
    }

    /// Just behind `token`, where something is missing.
    static Token behind(const Token& token) {
        return {TokenKind::end, token.offset + token.length, 0, {}, true};
    }

    [[nodiscard]] RuleError no_literal(const MatcherName& name) const {
        const std::string matcher(name.name);
        const std::string needs = matcher + " needs " + std::string(name.needs);
        switch (token_.kind) {
            case TokenKind::close:
                return at(token_, needs, "write " + std::string(name.example));
            case TokenKind::word:
                return at(token_,
                          "a value must be quoted",
                          "use backticks: " + matcher + "(`" + excerpt(token_.value) + "`)");
            case TokenKind::end:
                return at(token_, "the argument of " + matcher + " is missing");
            default:
                return at(token_, needs + " in backticks");
        }
    }

    RuleError several_arguments(const MatcherName& name, const Token& first) {
        const Token comma = token_;
        const std::string matcher(name.name);
        std::string hint = matcher + "(`" + excerpt(first.value) + "`)";
        if (advance() && token_.kind == TokenKind::literal)
            hint += " || " + matcher + "(`" + excerpt(token_.value) + "`)";
        else
            hint += " || " + matcher + "(...)";
        return at(comma, matcher + " takes " + std::string(name.one), "join them with ||: " + hint);
    }

    [[nodiscard]] RuleError word_operator(std::string_view meant) const {
        return at(
            token_, "\"" + token_.value + "\" is not an operator", "write " + std::string(meant));
    }

    /// An operand was due and something else stands there.
    [[nodiscard]] RuleError no_operand() const {
        switch (token_.kind) {
            case TokenKind::literal:
                return at(token_,
                          "a value needs a matcher in front of it",
                          "write HostSNI(`" + excerpt(token_.value) + "`)");
            case TokenKind::end:
                return at(last_operator_, "nothing follows this operator");
            case TokenKind::close:
                return at(token_,
                          last_operator_.kind == TokenKind::end
                              ? "this parenthesis closes nothing"
                              : "a matcher is missing in front of this parenthesis");
            case TokenKind::comma:
                return at(token_, "a comma joins nothing", "write ||");
            default:
                return at(token_, "a matcher is missing in front of this operator");
        }
    }

    /// A complete operand was read and neither an operator nor the end follows.
    [[nodiscard]] RuleError after_operand() const {
        if (const auto meant = operator_meant_by(token_); !meant.empty() && meant != "!")
            return word_operator(meant);
        switch (token_.kind) {
            case TokenKind::close:
                return at(token_, "this parenthesis closes nothing");
            case TokenKind::comma:
                return at(token_, "a comma joins nothing", "write ||");
            default:
                return at(token_, "an operator is missing in front of this", "write && or ||");
        }
    }

    /// `word` is not followed by a parenthesis.
    [[nodiscard]] static RuleError bare_word(const Token& word) {
        if (const MatcherName* const name = matcher_named(word.value))
            return at(behind(word),
                      excerpt(word.value) + " needs an argument",
                      "write " + std::string(name->example));
        return at(word,
                  "\"" + excerpt(word.value) + "\" is not a rule",
                  "to match a host name write HostSNI(`" + excerpt(word.value) + "`)");
    }

    Lexer lexer_;
    Token token_;
    Token last_operator_;
    std::vector<Advice> advice_;
};

}  // namespace

Parsed<ParsedRule> parse_rule(std::string_view text) {
    if (text.size() > rule_size_max)
        return RuleError{rule_size_max,
                         text.size() - rule_size_max,
                         "the rule is longer than " + std::to_string(rule_size_max) + " bytes",
                         {}};
    return Parser(text).whole_rule();
}

}  // namespace mesh::rules
