#include "rules/parser.hpp"

#include "rules/matcher_argument.hpp"
#include "rules/matcher_name.hpp"
#include "rules/token_reader.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace mesh::rules {
namespace {

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
    explicit Parser(std::string_view text) : tokens_(text, Wording{}) {}

    Parsed<ParsedRule> whole_rule() {
        if (auto first = tokens_.advance(); !first) return first.error();
        if (token().kind == TokenKind::end) return tokens_.empty();
        auto expression = disjunction({});
        if (!expression) return expression.error();
        if (token().kind != TokenKind::end) return tokens_.after_operand();
        return ParsedRule{std::move(*expression), first_of_each_kind(std::move(advice_))};
    }

 private:
    Parsed<Expression> disjunction(Place place) {
        std::vector<Expression> operands;
        for (;;) {
            auto operand = conjunction(place);
            if (!operand) return operand;
            operands.push_back(std::move(*operand));
            if (token().kind != TokenKind::either) break;
            if (auto next = tokens_.advance_over_operator(); !next) return next.error();
        }
        return place.negated ? join<All>(std::move(operands)) : join<Any>(std::move(operands));
    }

    Parsed<Expression> conjunction(Place place) {
        std::vector<Expression> operands;
        for (;;) {
            auto operand = unary(place);
            if (!operand) return operand;
            operands.push_back(std::move(*operand));
            if (token().kind != TokenKind::both) break;
            if (auto next = tokens_.advance_over_operator(); !next) return next.error();
        }
        return place.negated ? join<Any>(std::move(operands)) : join<All>(std::move(operands));
    }

    Parsed<Expression> unary(Place place) {
        if (place.depth > rule_depth_max) return tokens_.too_deep();
        switch (token().kind) {
            case TokenKind::negation: {
                if (auto next = tokens_.advance_over_operator(); !next) return next.error();
                return unary({place.depth + 1, !place.negated});
            }
            case TokenKind::open:
                return group(place);
            case TokenKind::word:
                return matcher(place);
            default:
                return tokens_.no_operand();
        }
    }

    Parsed<Expression> group(Place place) {
        if (auto next = tokens_.advance(); !next) return next.error();
        if (token().kind == TokenKind::close)
            return at(token(), "nothing stands between these parentheses");
        auto inner = disjunction({place.depth + 1, place.negated});
        if (!inner) return inner;
        if (token().kind != TokenKind::close)
            return token().kind == TokenKind::end ? at(token(), "a closing parenthesis is missing")
                                                  : tokens_.after_operand();
        if (auto next = tokens_.advance(); !next) return next.error();
        return inner;
    }

    Parsed<Expression> matcher(Place place) {
        const Token word = token();
        if (const auto meant = operator_meant_by(word); !meant.empty())
            return tokens_.word_operator(meant);
        if (auto next = tokens_.advance(); !next) return next.error();
        if (token().kind != TokenKind::open) return bare_word(word);
        const auto name = find_matcher(word);
        if (!name) return name.error();
        if ((*name)->name == "Host") note_alias(word);
        auto matcher = argument(**name);
        if (!matcher) return matcher.error();
        return Expression{Leaf{std::move(*matcher), place.negated}};
    }

    /// From the opening parenthesis to behind the closing one.
    Parsed<Matcher> argument(const MatcherName& name) {
        if (auto next = tokens_.advance(); !next) return next.error();
        if (token().kind != TokenKind::literal) return no_literal(name);
        const Token literal = token();
        if (auto next = tokens_.advance(); !next) return next.error();
        if (token().kind == TokenKind::comma) return several_arguments(name, literal);
        if (token().kind != TokenKind::close)
            return at(token().kind == TokenKind::end ? token() : behind(literal),
                      "the closing parenthesis of " + std::string(name.name) + " is missing");
        auto matcher = parse_argument(name, literal, advice_);
        if (!matcher) return matcher;
        if (auto next = tokens_.advance(); !next) return next.error();
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

    [[nodiscard]] RuleError no_literal(const MatcherName& name) const {
        const std::string matcher(name.name);
        const std::string needs = matcher + " needs " + std::string(name.needs);
        switch (token().kind) {
            case TokenKind::close:
                return at(token(), needs, "write " + std::string(name.example));
            case TokenKind::word:
                return at(token(),
                          "a value must be quoted",
                          "use backticks: " + matcher + "(`" + excerpt(token().value) + "`)");
            case TokenKind::end:
                return at(token(), "the argument of " + matcher + " is missing");
            default:
                return at(token(), needs + " in backticks");
        }
    }

    RuleError several_arguments(const MatcherName& name, const Token& first) {
        const Token comma = token();
        const std::string matcher(name.name);
        std::string hint = matcher + "(`" + excerpt(first.value) + "`)";
        if (tokens_.advance() && token().kind == TokenKind::literal)
            hint += " || " + matcher + "(`" + excerpt(token().value) + "`)";
        else
            hint += " || " + matcher + "(...)";
        return at(comma, matcher + " takes " + std::string(name.one), "join them with ||: " + hint);
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

    [[nodiscard]] const Token& token() const { return tokens_.token(); }

    TokenReader tokens_;
    std::vector<Advice> advice_;
};

}  // namespace

Parsed<ParsedRule> parse_rule(std::string_view text) {
    if (auto fits = check_size(text, Wording{}); !fits) return fits.error();
    return Parser(text).whole_rule();
}

}  // namespace mesh::rules
