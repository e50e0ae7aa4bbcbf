#include "config/lenient_json.hpp"

#include "config/codes.hpp"
#include "config/quote.hpp"
#include "config/source_text.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mesh::config {
namespace {

/// Ends the parsing; what is wrong has been reported.
struct Stop {};

void append_utf8(std::string& out, unsigned code) {
    const auto byte = [&out](unsigned value) { out += static_cast<char>(value); };
    if (code < 0x80) {
        byte(code);
    } else if (code < 0x800) {
        byte(0xC0U | (code >> 6U));
        byte(0x80U | (code & 0x3FU));
    } else if (code < 0x10000) {
        byte(0xE0U | (code >> 12U));
        byte(0x80U | ((code >> 6U) & 0x3FU));
        byte(0x80U | (code & 0x3FU));
    } else {
        byte(0xF0U | (code >> 18U));
        byte(0x80U | ((code >> 12U) & 0x3FU));
        byte(0x80U | ((code >> 6U) & 0x3FU));
        byte(0x80U | (code & 0x3FU));
    }
}

class Parser {
 public:
    Parser(std::string_view text, const model::Location& file, Problems& problems)
        : text_(text), file_(file), problems_(problems) {}

    ParsedTree run() {
        skip_blanks();
        const Tree::Id root = value(1);
        skip_blanks();
        if (!at_end()) refuse("unexpected text after the end", {});
        return {std::move(tree_), root};
    }

 private:
    [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
    [[nodiscard]] char peek() const { return at_end() ? '\0' : text_[at_]; }
    [[nodiscard]] Place place() const { return {line_, column_, static_cast<std::uint32_t>(at_)}; }

    void advance() {
        const auto byte = static_cast<unsigned char>(text_[at_++]);
        if (byte == '\n') {
            ++line_;
            column_ = 1;
        } else if (at_end() || (static_cast<unsigned char>(text_[at_]) & 0xC0U) != 0x80U) {
            ++column_;  // the last byte of a character
        }
    }
    void advance(std::size_t bytes) {
        for (std::size_t i = 0; i < bytes && !at_end(); ++i) advance();
    }

    [[nodiscard]] model::Location location(Place place) const {
        model::Location at = file_;
        at.line = static_cast<int>(place.line);
        at.column = static_cast<int>(place.column);
        return at;
    }
    [[noreturn]] void refuse(std::string message, std::string hint) {
        problems_.error(codes::syntax, location(place()), std::move(message), std::move(hint));
        throw Stop{};
    }
    void tolerate(Place place, std::string message, std::string hint) {
        problems_.warning(codes::syntax, location(place), std::move(message), std::move(hint));
    }

    void skip_blanks() {
        while (!at_end()) {
            const std::string_view rest = text_.substr(at_);
            if (std::string_view(" \t\r\n").find(peek()) != std::string_view::npos) {
                advance();
            } else if (rest.starts_with("//") || rest.starts_with("/*")) {
                skip_comment(rest);
            } else {
                return;
            }
        }
    }

    void skip_comment(std::string_view rest) {
        const bool to_line_end = rest.starts_with("//");
        const std::size_t end = to_line_end ? rest.find('\n') : rest.find("*/", 2);
        if (!to_line_end && end == std::string_view::npos)
            refuse("a comment is not closed", "add */");
        tolerate(place(), "a comment, which JSON does not have", "remove it");
        advance(end == std::string_view::npos ? rest.size() : end + (to_line_end ? 0 : 2));
    }

    Tree::Id value(int depth) {
        if (depth > json_depth_max || ++values_ > json_values_max) {
            problems_.error(
                codes::limit,
                location(place()),
                depth > json_depth_max
                    ? "nested more than " + std::to_string(json_depth_max) + " levels deep"
                    : "more than " + std::to_string(json_values_max) + " values");
            throw Stop{};
        }
        const Place begin = place();
        switch (peek()) {
            case '{':
                return map(begin, depth);
            case '[':
                return list(begin, depth);
            case '"':
                return tree_.add_scalar(begin, string(), false);
            default:
                return word(begin);
        }
    }

    Tree::Id word(Place begin) {
        const std::string_view rest = text_.substr(at_);
        const std::string_view word = rest.substr(0, rest.find_first_of(" \t\r\n,:[]{}\"/"));
        const bool is_number =
            !word.empty() &&
            (word.front() == '-' || (word.front() >= '0' && word.front() <= '9')) &&
            word.find_first_not_of("0123456789+-.eE") == std::string_view::npos;
        if (!is_number && word != "true" && word != "false" && word != "null")
            refuse(at_end() ? "the text ends in the middle" : "a value is expected here",
                   "put text in double quotes");
        advance(word.size());
        return word == "null" ? tree_.add_null(begin) : tree_.add_scalar(begin, word, true);
    }

    /// After an item: whether another one follows. `end`: where the item ended.
    bool goes_on(Place end, char close) {
        skip_blanks();
        if (peek() == close) return false;
        if (peek() != ',') {
            if (at_end()) refuse(std::string("a '") + close + "' is missing", {});
            tolerate(end, "a ',' is missing here", "add it");
            return true;
        }
        const Place comma = place();
        advance();
        skip_blanks();
        if (peek() != close) return true;
        tolerate(comma, std::string("a ',' before the '") + close + '\'', "remove it");
        return false;
    }

    Tree::Id list(Place begin, int depth) {
        std::vector<Tree::Id> items;
        advance();
        skip_blanks();
        for (bool more = peek() != ']'; more;) {
            items.push_back(value(depth + 1));
            more = goes_on(place(), ']');
        }
        advance();
        return tree_.add_list(begin, items);
    }

    Tree::Id map(Place begin, int depth) {
        std::vector<Tree::Id> children;
        std::set<std::string, std::less<>> keys;
        advance();
        skip_blanks();
        for (bool more = peek() != '}'; more;) {
            const Place key_place = place();
            if (peek() != '"') refuse("a key in double quotes is expected here", {});
            std::string key = string();
            skip_blanks();
            if (peek() != ':') refuse("a ':' is expected here", "write \"key\": value");
            advance();
            skip_blanks();
            const Tree::Id key_id = tree_.add_scalar(key_place, key, false);
            const Tree::Id value_id = value(depth + 1);
            if (keys.insert(key).second) {
                children.push_back(key_id);
                children.push_back(value_id);
            } else {
                problems_.error(codes::duplicate,
                                location(key_place),
                                in_quotes(key) + " stands twice in this section");
            }
            more = goes_on(place(), '}');
        }
        advance();
        return tree_.add_map(begin, children);
    }

    std::string string() {
        const Place begin = place();
        std::string out;
        advance();
        while (peek() != '"') {
            if (at_end() || peek() == '\n') {
                problems_.error(codes::syntax,
                                location(begin),
                                "the quote that opens here is not closed",
                                "add the closing quote");
                throw Stop{};
            }
            if (peek() == '\\') {
                escape(out);
            } else {
                out += peek();
                advance();
            }
        }
        advance();
        return out;
    }

    void escape(std::string& out) {
        constexpr std::string_view letters = "\"\\/bfnrt";
        constexpr std::string_view meant = "\"\\/\b\f\n\r\t";
        const std::string_view rest = text_.substr(at_);
        const std::size_t known = rest.size() > 1 ? letters.find(rest[1]) : std::string_view::npos;
        if (known != std::string_view::npos) {
            out += meant[known];
            advance(2);
            return;
        }
        unsigned code = hex(rest);
        advance(6);
        if (code >= 0xD800 && code < 0xDC00) {
            const unsigned low = hex(text_.substr(at_));
            if (low < 0xDC00 || low > 0xDFFF) refuse("half of a surrogate pair", {});
            code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
            advance(6);
        } else if (code >= 0xDC00 && code <= 0xDFFF) {
            refuse("half of a surrogate pair", {});
        }
        append_utf8(out, code);
    }

    /// The value of a \uXXXX at the beginning of `rest`.
    unsigned hex(std::string_view rest) {
        constexpr std::string_view digits = "0123456789abcdefABCDEF";
        const std::string_view four = rest.substr(std::min<std::size_t>(2, rest.size()), 4);
        if (!rest.starts_with("\\u") || four.size() < 4 ||
            four.find_first_not_of(digits) != std::string_view::npos)
            refuse("unknown escape sequence", "write \\\\ for a backslash");
        unsigned code = 0;
        for (const char c : four) {
            const std::size_t digit = digits.find(c);
            code = code * 16 + static_cast<unsigned>(digit < 16 ? digit : digit - 6);
        }
        return code;
    }

    std::string_view text_;
    const model::Location& file_;
    Problems& problems_;
    Tree tree_;
    std::size_t at_ = 0;
    std::size_t values_ = 0;
    std::uint32_t line_ = 1;
    std::uint32_t column_ = 1;
};

}  // namespace

std::optional<ParsedTree> parse_lenient_json(std::string_view text,
                                             const model::Location& file,
                                             Problems& problems) {
    try {
        return Parser(text, file, problems).run();
    } catch (const Stop&) {
        return std::nullopt;
    }
}

}  // namespace mesh::config
