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

/// How errors speak of a text: what it is, and how its commonest matcher is written around a value.
struct Wording {
    std::string_view whole = "rule";
    std::string_view before = "HostSNI(`";  ///< in front of the value; "`)" follows it
    std::string_view value = "name";        ///< what a value is
    std::string_view example = "shop.example";

    /// "HostSNI(`text`)"
    [[nodiscard]] std::string matcher(std::string_view text) const {
        return std::string(before).append(text).append("`)");
    }
};

/// Cuts a rule into tokens. White space, new lines included, separates tokens and means nothing.
/// Literals are those of Go: raw in backticks, with escapes in double quotes.
class Lexer {
 public:
    explicit Lexer(std::string_view text, const Wording& wording = {})
        : text_(text), wording_(wording) {}

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
    Wording wording_;
    std::size_t at_ = 0;
};

}  // namespace mesh::rules
