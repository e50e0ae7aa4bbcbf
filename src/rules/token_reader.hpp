#pragma once
#include "rules/lexer.hpp"
#include "rules/rule_error.hpp"

#include <cstddef>
#include <string_view>

namespace mesh::rules {

/// Bounds of a rule; beyond them parsing is an error that names the bound.
inline constexpr std::size_t rule_size_max = 64 * 1024;  ///< bytes of text
inline constexpr int rule_depth_max = 64;                ///< nested parentheses and negations

/// The error for a text that is longer than a rule may be.
[[nodiscard]] Parsed<void> check_size(std::string_view text, const Wording& wording);

/// The operator a word was meant to be, or empty.
[[nodiscard]] std::string_view operator_meant_by(const Token& token);

/// Just behind `token`, where something is missing.
[[nodiscard]] Token behind(const Token& token);

/// The token a parser stands on, and the errors that every language of matchers joined by
/// operators has in common.
class TokenReader {
 public:
    TokenReader(std::string_view text, const Wording& wording)
        : lexer_(text, wording), wording_(wording) {}

    /// `end` before the first advance().
    [[nodiscard]] const Token& token() const { return token_; }
    [[nodiscard]] Parsed<void> advance();
    /// The same, from an operator.
    [[nodiscard]] Parsed<void> advance_over_operator();

    [[nodiscard]] RuleError empty() const;
    [[nodiscard]] RuleError too_deep() const;
    /// An operand was due and something else stands here.
    [[nodiscard]] RuleError no_operand() const;
    /// A complete operand was read and neither an operator nor the end follows.
    [[nodiscard]] RuleError after_operand() const;
    [[nodiscard]] RuleError word_operator(std::string_view meant) const;

 private:
    Lexer lexer_;
    Wording wording_;
    Token token_;
    Token last_operator_;
};

}  // namespace mesh::rules
