#include "rules/constraint.hpp"

#include "rules/constraint_matcher.hpp"
#include "rules/token_reader.hpp"

#include <algorithm>
#include <variant>
#include <vector>

namespace mesh::rules {

/// Not without a name: Constraint::Body, which has external linkage, holds one of these.
namespace constraint_tree {

struct Formula;

/// `&&`, or `||`, over its operands.
struct Junction {
    bool all;
    std::vector<Formula> operands;
};

/// What is left of the nesting is bounded by the parser.
struct Formula {
    std::variant<ConstraintMatcher, Junction> node;
    bool negated = false;
};

}  // namespace constraint_tree

namespace {

using constraint_tree::Formula;
using constraint_tree::Junction;

Formula junction(bool all, std::vector<Formula> operands) {
    if (operands.size() == 1) return std::move(operands.front());
    return {Junction{all, std::move(operands)}};
}

template <class Facts>
bool holds(const Formula& formula, const Facts& facts) {
    const auto operand_holds = [&facts](const Formula& operand) { return holds(operand, facts); };
    if (const auto* const matcher = std::get_if<ConstraintMatcher>(&formula.node))
        return matcher->matches(facts) != formula.negated;
    const auto& [all, operands] = std::get<Junction>(formula.node);
    return (all ? std::all_of(operands.begin(), operands.end(), operand_holds)
                : std::any_of(operands.begin(), operands.end(), operand_holds)) != formula.negated;
}

class ConstraintParser {
 public:
    ConstraintParser(std::string_view text, Constraint::Of of)
        : of_(of), tokens_(text, wording_of(of)) {}

    Parsed<Formula> whole() {
        if (auto first = tokens_.advance(); !first) return first.error();
        if (token().kind == TokenKind::end) return tokens_.empty();
        auto formula = disjunction(0);
        if (!formula) return formula;
        if (token().kind != TokenKind::end) return tokens_.after_operand();
        return formula;
    }

 private:
    Parsed<Formula> disjunction(int depth) {
        return joined(TokenKind::either,
                      [&] { return joined(TokenKind::both, [&] { return unary(depth); }); });
    }

    template <class Operand>
    Parsed<Formula> joined(TokenKind by, const Operand& operand_here) {
        std::vector<Formula> operands;
        for (;;) {
            auto operand = operand_here();
            if (!operand) return operand;
            operands.push_back(std::move(*operand));
            if (token().kind != by) break;
            if (auto next = tokens_.advance_over_operator(); !next) return next.error();
        }
        return junction(by == TokenKind::both, std::move(operands));
    }

    Parsed<Formula> unary(int depth) {
        if (depth > rule_depth_max) return tokens_.too_deep();
        switch (token().kind) {
            case TokenKind::negation: {
                if (auto next = tokens_.advance_over_operator(); !next) return next.error();
                auto inner = unary(depth + 1);
                if (inner) inner->negated = !inner->negated;
                return inner;
            }
            case TokenKind::open:
                return group(depth);
            case TokenKind::word:
                return matcher();
            default:
                return tokens_.no_operand();
        }
    }

    Parsed<Formula> group(int depth) {
        if (auto next = tokens_.advance(); !next) return next.error();
        if (token().kind == TokenKind::close)
            return at(token(), "nothing stands between these parentheses");
        auto inner = disjunction(depth + 1);
        if (!inner) return inner;
        if (token().kind != TokenKind::close)
            return token().kind == TokenKind::end ? at(token(), "a closing parenthesis is missing")
                                                  : tokens_.after_operand();
        if (auto next = tokens_.advance(); !next) return next.error();
        return inner;
    }

    Parsed<Formula> matcher() {
        const Token word = token();
        if (const auto meant = operator_meant_by(word); !meant.empty())
            return tokens_.word_operator(meant);
        if (auto next = tokens_.advance(); !next) return next.error();
        const auto name = find_constraint_matcher(word, of_);
        if (!name) return name.error();
        if (token().kind != TokenKind::open)
            return at(behind(word),
                      std::string((*name)->name) + " needs an argument",
                      "write " + std::string((*name)->example));
        auto values = arguments(**name);
        if (!values) return values.error();
        auto made = make_constraint_matcher(**name, *values);
        if (!made) return made.error();
        return Formula{std::move(*made)};
    }

    /// From the opening parenthesis to behind the closing one.
    Parsed<std::vector<Token>> arguments(const ConstraintMatcherName& name) {
        std::vector<Token> values;
        do {
            if (auto next = tokens_.advance(); !next) return next.error();
            if (token().kind != TokenKind::literal) return no_literal(name, values.size());
            values.push_back(token());
            if (values.size() > name.arity) return too_many_arguments(name, values);
            if (auto next = tokens_.advance(); !next) return next.error();
        } while (token().kind == TokenKind::comma);
        if (token().kind != TokenKind::close)
            return at(token().kind == TokenKind::end ? token() : behind(values.back()),
                      "the closing parenthesis of " + std::string(name.name) + " is missing");
        if (values.size() < name.arity)
            return at(token(),
                      std::string(name.name) + " needs " + std::string(name.needs),
                      "write " + std::string(name.example));
        if (auto next = tokens_.advance(); !next) return next.error();
        return values;
    }

    [[nodiscard]] RuleError no_literal(const ConstraintMatcherName& name, std::size_t read) const {
        const std::string matcher(name.name);
        switch (token().kind) {
            case TokenKind::word:
                return at(token(),
                          "a value must be quoted",
                          "use backticks: `" + excerpt(token().value) + "`");
            case TokenKind::end:
                return at(token(), "the argument of " + matcher + " is missing");
            default:
                return at(token(),
                          read == 0 ? matcher + " needs " + std::string(name.needs)
                                    : "a value is missing behind the comma",
                          "write " + std::string(name.example));
        }
    }

    static RuleError too_many_arguments(const ConstraintMatcherName& name,
                                        const std::vector<Token>& values) {
        std::string key = std::string(name.name) + '(';
        if (name.arity == 2) key += '`' + excerpt(values.front().value) + "`, ";
        const auto with = [&](const Token& value) {
            return key + '`' + excerpt(value.value) + "`)";
        };
        return at(
            values.back(),
            std::string(name.name) + " takes " + std::string(name.needs) + ", nothing more",
            "join them with ||: " + with(values[values.size() - 2]) + " || " + with(values.back()));
    }

    [[nodiscard]] const Token& token() const { return tokens_.token(); }

    Constraint::Of of_;
    TokenReader tokens_;
};

}  // namespace

struct Constraint::Body {
    std::string text;
    Formula formula;
};

Parsed<Constraint> Constraint::parse(std::string_view text, Of of) {
    if (auto fits = check_size(text, wording_of(of)); !fits) return fits.error();
    auto formula = ConstraintParser(text, of).whole();
    if (!formula) return formula.error();
    return Constraint(std::make_shared<const Body>(Body{std::string(text), std::move(*formula)}));
}

bool Constraint::matches_labels(std::span<const std::pair<std::string, std::string>> labels) const {
    return holds(body_->formula, labels);
}

bool Constraint::matches_tags(std::span<const std::string> tags) const {
    return holds(body_->formula, tags);
}

const std::string& Constraint::text() const {
    return body_->text;
}

}  // namespace mesh::rules
