#include "rules/lexer.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

namespace mesh::rules {
namespace {

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// What bare words are made of. More than any matcher's name needs, so that an unquoted host
/// name, address or URL is one word and the error can show how to write it.
bool is_word_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_.-*:/").find(c) != std::string_view::npos ||
           static_cast<unsigned char>(c) >= 0x80;
}

/// Characters that word processors and web pages put where ASCII is meant.
struct Lookalike {
    std::string_view bytes;
    std::string_view name;
    std::string_view hint;  ///< empty: how values are quoted
};
constexpr Lookalike lookalikes[] = {
    {"\xE2\x80\x98", "a typographic quote", {}},
    {"\xE2\x80\x99", "a typographic quote", {}},
    {"\xE2\x80\x9C", "a typographic quote", {}},
    {"\xE2\x80\x9D", "a typographic quote", {}},
    {"\xC2\xB4", "an acute accent", {}},
    {"\xC2\xA0", "a no-break space", "replace it with a plain space"},
    {"\xEF\xBB\xBF", "a byte order mark", "remove it"},
};

const Lookalike* lookalike_at(std::string_view rest) {
    const auto* const found =
        std::find_if(std::begin(lookalikes), std::end(lookalikes), [&](const Lookalike& candidate) {
            return rest.starts_with(candidate.bytes);
        });
    return found == std::end(lookalikes) ? nullptr : found;
}

/// The simple escapes of a Go string literal.
std::optional<char> simple_escape(char c) {
    switch (c) {
        case 'a':
            return '\a';
        case 'b':
            return '\b';
        case 'f':
            return '\f';
        case 'n':
            return '\n';
        case 'r':
            return '\r';
        case 't':
            return '\t';
        case 'v':
            return '\v';
        case '\\':
            return '\\';
        case '"':
            return '"';
        default:
            return std::nullopt;
    }
}

bool append_utf8(std::string& out, std::uint32_t point) {
    const auto push = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
    if (point < 0x80) {
        push(point);
    } else if (point < 0x800) {
        push(0xC0U | (point >> 6U));
        push(0x80U | (point & 0x3FU));
    } else if (point < 0x10000) {
        push(0xE0U | (point >> 12U));
        push(0x80U | ((point >> 6U) & 0x3FU));
        push(0x80U | (point & 0x3FU));
    } else {
        push(0xF0U | (point >> 18U));
        push(0x80U | ((point >> 12U) & 0x3FU));
        push(0x80U | ((point >> 6U) & 0x3FU));
        push(0x80U | (point & 0x3FU));
    }
    return true;
}

}  // namespace

RuleError at(const Token& token, std::string message, std::string hint) {
    return {token.offset, token.length, std::move(message), std::move(hint)};
}

Parsed<Token> Lexer::next() {
    skip_space();
    if (at_ == text_.size()) return take(TokenKind::end, 0);
    const char c = text_[at_];
    if (const Lookalike* const found = lookalike_at(text_.substr(at_)))
        return RuleError{
            at_,
            found->bytes.size(),
            std::string(found->name) + " has no meaning in a " + std::string(wording_.whole),
            found->hint.empty()
                ? "quote values with backticks: " + wording_.matcher(wording_.example)
                : std::string(found->hint)};
    if (is_word_byte(c)) return word();
    if (c == '`') return raw_literal();
    if (c == '"') return quoted_literal();
    return symbol(c);
}

void Lexer::skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
}

Token Lexer::take(TokenKind kind, std::size_t length) {
    Token token{kind, at_, length, {}, true};
    at_ += length;
    return token;
}

Parsed<Token> Lexer::symbol(char c) {
    if (at("&&")) return take(TokenKind::both, 2);
    if (at("||")) return take(TokenKind::either, 2);
    const auto comparison = [this](std::size_t length, std::string_view instead) {
        return RuleError{at_,
                         length,
                         '\'' + std::string(text_.substr(at_, length)) + "' is not an operator",
                         "to " + std::string(instead) + wording_.matcher(wording_.value)};
    };
    const std::string value(wording_.value);
    if (at("!=")) return comparison(2, "exclude a " + value + " write !");
    if (at("==")) return comparison(2, "match a " + value + " write ");
    switch (c) {
        case '(':
            return take(TokenKind::open, 1);
        case ')':
            return take(TokenKind::close, 1);
        case ',':
            return take(TokenKind::comma, 1);
        case '!':
            return take(TokenKind::negation, 1);
        case '&':
            return RuleError{at_, 1, "'&' is not an operator", "write && for \"and\""};
        case '|':
            return RuleError{at_, 1, "'|' is not an operator", "write || for \"or\""};
        case '=':
            return comparison(1, "match a " + value + " write ");
        case '\'':
            return single_quotes();
        default:
            break;
    }
    const bool printable = c > 0x20 && c < 0x7F;
    return RuleError{at_,
                     1,
                     printable ? std::string("unexpected character '") + c + '\''
                               : "unexpected control character",
                     "a " + std::string(wording_.whole) + " is made of matchers such as " +
                         wording_.matcher(wording_.value) + ", &&, ||, ! and parentheses"};
}

RuleError Lexer::single_quotes() const {
    const std::size_t closing = text_.find('\'', at_ + 1);
    const bool closed = closing != std::string_view::npos;
    const std::string_view inside = closed ? text_.substr(at_ + 1, closing - at_ - 1) : "name";
    return {at_,
            closed ? closing - at_ + 1 : 1,
            "single quotes do not quote a value",
            "use backticks: `" + excerpt(inside) + "`"};
}

Parsed<Token> Lexer::word() {
    std::size_t end = at_;
    while (end < text_.size() && is_word_byte(text_[end]) &&
           lookalike_at(text_.substr(end)) == nullptr)
        ++end;
    std::string value(text_.substr(at_, end - at_));
    Token token = take(TokenKind::word, end - at_);
    token.value = std::move(value);
    return token;
}

Parsed<Token> Lexer::raw_literal() {
    const std::size_t closing = text_.find('`', at_ + 1);
    if (closing == std::string_view::npos)
        return RuleError{at_, 1, "the backtick opened here is never closed", {}};
    std::string value(text_.substr(at_ + 1, closing - at_ - 1));
    Token token = take(TokenKind::literal, closing - at_ + 1);
    // Go drops carriage returns from raw literals, so that line ends of files do not matter.
    token.verbatim = std::erase(value, '\r') == 0;
    token.value = std::move(value);
    return token;
}

Parsed<Token> Lexer::quoted_literal() {
    const std::size_t begin = at_++;
    Token token{TokenKind::literal, begin, 0, {}, true};
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n') {
        if (text_[at_] != '\\') {
            token.value.push_back(text_[at_++]);
            continue;
        }
        token.verbatim = false;
        if (auto done = escape(token.value); !done) return done.error();
    }
    if (at_ == text_.size() || text_[at_] == '\n')
        return RuleError{begin, 1, "the double quote opened here is never closed on its line", {}};
    ++at_;
    token.length = at_ - begin;
    return token;
}

Parsed<void> Lexer::escape(std::string& value) {
    const char c = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (const auto simple = simple_escape(c)) {
        value.push_back(*simple);
        at_ += 2;
        return {};
    }
    if (c >= '0' && c <= '7') return numeric_escape(value, 3, 8);
    if (c == 'x') return numeric_escape(value, 2, 16);
    if (c == 'u') return numeric_escape(value, 4, 16);
    if (c == 'U') return numeric_escape(value, 8, 16);
    return RuleError{at_,
                     std::min<std::size_t>(2, text_.size() - at_),
                     "unknown escape sequence",
                     "write \\\\ for a backslash, or use backticks, which know no escapes"};
}

Parsed<void> Lexer::numeric_escape(std::string& value, std::size_t digits, int base) {
    const std::size_t prefix = base == 8 ? 1 : 2;
    const std::string_view number = text_.substr(at_).substr(prefix, digits);
    std::uint32_t point = 0;
    const char* const end = number.data() + number.size();
    const auto parsed = std::from_chars(number.data(), end, point, base);
    const bool whole = number.size() == digits && parsed.ptr == end && parsed.ec == std::errc{};
    const bool is_byte = base == 8 || digits == 2;
    bool valid = whole;
    if (whole && is_byte) {
        valid = point <= 0xFF;
        value.push_back(static_cast<char>(point));
    } else if (whole) {
        valid = append_utf8(value, point);
    }
    if (!valid)
        return RuleError{
            at_, prefix + number.size(), "this escape sequence stands for no character", {}};
    at_ += prefix + digits;
    return {};
}

}  // namespace mesh::rules
