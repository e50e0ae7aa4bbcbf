#include "rules/regexp_advice.hpp"

#include <algorithm>
#include <string>

namespace mesh::rules {
namespace {

constexpr char blank = ' ';     // stands for nothing
constexpr char any_byte = 'x';  // something that is matched, but is neither a letter nor a sign

/// A pattern with as many bytes in which signs are signs: escapes, classes and repetitions are
/// replaced, `\A` and `\z` are `^` and `$`, of groups only the parentheses are left.
class Skeleton {
 public:
    explicit Skeleton(std::string_view pattern) : text_(pattern) {
        while (at_ < text_.size()) step();
    }
    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] bool ignores_case() const { return ignores_case_; }

 private:
    void step() {
        switch (text_[at_]) {
            case '\\':
                return escape();
            case '[':
                return character_class();
            case '(':
                return group();
            case '{':
                return repetition();
            default:
                ++at_;
        }
    }

    void replace(std::size_t length, char by) {
        length = std::min(length, text_.size() - at_);
        std::fill_n(text_.begin() + static_cast<std::ptrdiff_t>(at_), length, by);
        at_ += length;
    }

    void escape() {
        const char c = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
        if (c == 'A') return replace(2, '^');
        if (c == 'z') return replace(2, '$');
        if (c == 'Q') {
            const std::size_t end = text_.find("\\E", at_);
            return replace(end == std::string::npos ? text_.size() : end + 2 - at_, any_byte);
        }
        const bool has_argument = c == 'p' || c == 'P' || c == 'x';  // \pL, \x41, \p{Greek}
        if (!has_argument) return replace(2, any_byte);
        const bool in_braces = at_ + 2 < text_.size() && text_[at_ + 2] == '{';
        const std::size_t end = in_braces ? text_.find('}', at_) : at_ + (c == 'x' ? 3 : 2);
        replace(std::min(end, text_.size()) + 1 - at_, any_byte);
    }

    void character_class() {
        std::size_t end = at_ + 1;
        if (end < text_.size() && text_[end] == '^') ++end;
        if (end < text_.size() && text_[end] == ']') ++end;  // a member when it comes first
        while (end < text_.size() && text_[end] != ']') {
            const std::size_t named =
                text_.compare(end, 2, "[:") == 0 ? text_.find(":]", end) : std::string::npos;
            if (named != std::string::npos)
                end = named + 2;
            else
                end += text_[end] == '\\' ? 2 : 1;
        }
        replace(end + 1 - at_, any_byte);
    }

    void group() {
        ++at_;
        if (at_ >= text_.size() || text_[at_] != '?') return;
        const std::size_t end = text_.find_first_of(":>)", at_);
        if (end == std::string::npos) return;
        const std::string_view head = std::string_view(text_).substr(at_, end - at_);
        const std::string_view set = head.substr(0, head.find('-'));
        const bool is_name = head.find('<') != std::string_view::npos;
        ignores_case_ = ignores_case_ || (!is_name && set.find('i') != std::string_view::npos);
        if (text_[end] == ')') --at_;  // flags for what follows: no group is left
        replace(end + 1 - at_, blank);
    }

    void repetition() {
        const std::size_t end = text_.find('}', at_);
        const bool counts = end != std::string::npos && end > at_ + 1 && text_[at_ + 1] != ',' &&
                            text_.find_first_not_of("0123456789,", at_ + 1) == end;
        if (counts) return replace(end + 1 - at_, '*');
        ++at_;
    }

    std::string text_;
    std::size_t at_ = 0;
    bool ignores_case_ = false;
};

std::string_view without_blanks(std::string_view text) {
    while (text.starts_with(blank)) text.remove_prefix(1);
    while (text.ends_with(blank)) text.remove_suffix(1);
    return text;
}

/// Calls `visit` for each side of the `|` outside of parentheses; true if all calls are.
template <class Visit>
bool all_alternatives(std::string_view skeleton, const Visit& visit) {
    int depth = 0;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < skeleton.size(); ++i) {
        if (skeleton[i] == '(') ++depth;
        if (skeleton[i] == ')') --depth;
        if (skeleton[i] != '|' || depth != 0) continue;
        if (!visit(without_blanks(skeleton.substr(begin, i - begin)))) return false;
        begin = i + 1;
    }
    return visit(without_blanks(skeleton.substr(begin)));
}

/// Of a text that begins with '(', the place of the parenthesis that closes it.
std::size_t closing(std::string_view text) {
    int depth = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '(') ++depth;
        if (text[i] == ')' && --depth == 0) return i;
    }
    return text.size();
}

/// Of a text that ends with ')', the place of the parenthesis that opens it.
std::size_t opening(std::string_view text) {
    int depth = 0;
    for (std::size_t i = text.size(); i-- > 0;) {
        if (text[i] == ')') ++depth;
        if (text[i] == '(' && --depth == 0) return i;
    }
    return 0;
}

bool begins_anchored(std::string_view skeleton) {
    return all_alternatives(skeleton, [](std::string_view side) {
        if (side.starts_with('^') || side.starts_with(".*") || side.starts_with(".+")) return true;
        if (!side.starts_with('(')) return false;
        const std::size_t end = closing(side);
        const std::string_view rest = side.substr(std::min(side.size(), end + 1));
        const bool optional = rest.starts_with('*') || rest.starts_with('?');
        return !optional && begins_anchored(side.substr(1, end - 1));
    });
}

bool ends_anchored(std::string_view skeleton) {
    return all_alternatives(skeleton, [](std::string_view side) {
        if (side.ends_with('$') || side.ends_with(".*") || side.ends_with(".+")) return true;
        if (!side.ends_with(')')) return false;
        const std::size_t begin = opening(side);
        return ends_anchored(side.substr(begin + 1, side.size() - begin - 2));
    });
}

Advice advice(Advice::Kind kind,
              std::size_t offset,
              std::size_t length,
              std::string message,
              std::string hint) {
    return {kind, {offset, length, std::move(message), std::move(hint)}};
}

}  // namespace

std::vector<Advice> regexp_advice(std::string_view pattern) {
    const Skeleton skeleton(pattern);
    const std::string& text = skeleton.text();
    std::vector<Advice> out;
    if (!begins_anchored(text) || !ends_anchored(text))
        out.push_back(advice(Advice::Kind::regexp_unanchored,
                             0,
                             pattern.size(),
                             "this matches anywhere in the server name, so longer names match too",
                             "write ^ in front and $ behind to match whole names only"));
    const std::size_t brace = text.find('{');
    const auto letter =
        std::find_if(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    if (brace != std::string::npos)
        out.push_back(advice(Advice::Kind::regexp_never_matches,
                             brace,
                             1,
                             "no server name holds a brace, and {name:pattern} is Traefik 2's",
                             "write the pattern alone: (?:pattern)"));
    else if (letter != text.end() && !skeleton.ignores_case())
        out.push_back(advice(Advice::Kind::regexp_never_matches,
                             static_cast<std::size_t>(letter - text.begin()),
                             1,
                             "server names are compared in lower case, so no name has this letter",
                             "write it in lower case"));
    return out;
}

}  // namespace mesh::rules
