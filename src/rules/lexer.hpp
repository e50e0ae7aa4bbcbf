#pragma once
#include "rules/rule_error.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace mesh::rules {

enum class TokenKind { word, literal, open, close, comma, both, either, negation, end };

struct Token {
    TokenKind kind = TokenKind::end;
    std::size_t offset = 0;  ///< first byte, the opening quote included
    std::size_t length = 0;
    std::string value;  ///< of a word its text, of a literal what stands between the quotes
    /// True when byte i of a literal's value stands at `offset + 1 + i`: no escapes in it.
    bool verbatim = true;
};

/// The remark `message` on all of `token`.
[[nodiscard]] RuleError at(const Token& token, std::string message, std::string hint = {});

/// Cuts a rule into tokens. White space, new lines included, separates tokens and means nothing.
/// Literals are those of Go: raw in backticks, with escapes in double quotes.
class Lexer {
 public:
    explicit Lexer(std::string_view text) : text_(text) {}

    /// The next token; `end` again and again once the text is used up.
    [[nodiscard]] Parsed<Token> next();

 private:
    void skip_space();
    [[nodiscard]] Parsed<Token> symbol(char c);
    [[nodiscard]] Parsed<Token> word();
    [[nodiscard]] Parsed<Token> raw_literal();
    [[nodiscard]] Parsed<Token> quoted_literal();
    /// Appends what the escape at `at_` (on its backslash) stands for and moves behind it.
    [[nodiscard]] Parsed<void> escape(std::string& value);
    [[nodiscard]] Parsed<void> numeric_escape(std::string& value, std::size_t digits, int base);
    [[nodiscard]] RuleError single_quotes() const;
    [[nodiscard]] Token take(TokenKind kind, std::size_t length);
    [[nodiscard]] bool at(std::string_view what) const {
        return text_.substr(at_).starts_with(what);
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace mesh::rules
