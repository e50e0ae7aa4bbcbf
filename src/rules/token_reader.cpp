#include "rules/token_reader.hpp"

#include "base/ascii.hpp"

#include <string>

namespace mesh::rules {

/// The operator a word was meant to be, or empty.
std::string_view operator_meant_by(const Token& token) {
    if (token.kind != TokenKind::word) return {};
    if (equal_ignoring_case(token.value, "and")) return "&&";
    if (equal_ignoring_case(token.value, "or")) return "||";
    if (equal_ignoring_case(token.value, "not")) return "!";
    return {};
}

Parsed<void> check_size(std::string_view text, const Wording& wording) {
    if (text.size() <= rule_size_max) return {};
    return RuleError{rule_size_max,
                     text.size() - rule_size_max,
                     "the " + std::string(wording.whole) + " is longer than " +
                         std::to_string(rule_size_max) + " bytes",
                     {}};
}

Token behind(const Token& token) {
    return {TokenKind::end, token.offset + token.length, 0, {}, true};
}

Parsed<void> TokenReader::advance() {
    auto token = lexer_.next();
    if (!token) return token.error();
    token_ = std::move(*token);
    return {};
}

Parsed<void> TokenReader::advance_over_operator() {
    last_operator_ = token_;
    return advance();
}

RuleError TokenReader::empty() const {
    return at(token_,
              "the " + std::string(wording_.whole) + " is empty",
              "write for example " + wording_.matcher(wording_.example));
}

RuleError TokenReader::too_deep() const {
    return at(token_,
              "the " + std::string(wording_.whole) + " is nested more than " +
                  std::to_string(rule_depth_max) + " levels deep");
}

RuleError TokenReader::word_operator(std::string_view meant) const {
    return at(token_, "\"" + token_.value + "\" is not an operator", "write " + std::string(meant));
}

RuleError TokenReader::no_operand() const {
    switch (token_.kind) {
        case TokenKind::literal:
            return at(token_,
                      "a value needs a matcher in front of it",
                      "write " + wording_.matcher(excerpt(token_.value)));
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

RuleError TokenReader::after_operand() const {
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

}  // namespace mesh::rules
