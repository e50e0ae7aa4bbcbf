#include "config/toml_bounds.hpp"

#include "config/codes.hpp"
#include "config/source_text.hpp"
#include "config/toml.hpp"

#include <algorithm>
#include <string>

namespace mesh::config {
namespace {

/// Tells keys and values apart from strings and comments; nothing else of the grammar matters.
class Scan {
 public:
    explicit Scan(std::string_view text) : text_(text) {}

    /// What there is too much of, at `at()`; empty: nothing.
    std::string run() {
        for (; at_ < text_.size(); ++at_) {
            std::string excess = step(text_[at_]);
            if (!excess.empty()) return excess;
        }
        return {};
    }

    [[nodiscard]] std::size_t at() const { return std::min(at_, text_.size()); }

 private:
    std::string step(char c) {
        switch (c) {
            case '#':
                at_ = text_.find('\n', at_);
                if (at_ != std::string_view::npos)
                    --at_;  // the line break counts
                else
                    at_ = text_.size();
                return {};
            case '"':
            case '\'':
                skip_string(c);
                line_is_blank_ = false;
                return {};
            case '.':
                if (++dots_ >= static_cast<std::size_t>(toml_depth_max))
                    return "nested more than " + std::to_string(toml_depth_max) + " levels deep";
                return {};
            case '=':
                if (dots_ > 0 && ++dotted_keys_ > toml_dotted_keys_max)
                    return "more than " + std::to_string(toml_dotted_keys_max) + " dotted keys";
                return count_value();
            case ',':
                return count_value();
            case '[':
                if (line_is_blank_ && ++headers_ > toml_headers_max)
                    return "more than " + std::to_string(toml_headers_max) + " tables";
                line_is_blank_ = false;
                dots_ = 0;
                return {};
            case '\n':
                line_is_blank_ = true;
                dots_ = 0;
                return {};
            case ']':
            case '{':
            case '}':
                dots_ = 0;
                return {};
            case ' ':
            case '\t':
            case '\r':
                return {};
            default:
                line_is_blank_ = false;
                return {};
        }
    }

    std::string count_value() {
        dots_ = 0;
        if (++values_ <= toml_values_max) return {};
        return "more than " + std::to_string(toml_values_max) + " values";
    }

    /// Moves to the last character of the string that begins here.
    void skip_string(char quote) {
        const std::string three(3, quote);
        const bool multi_line = text_.substr(at_).starts_with(three);
        const bool has_escapes = quote == '"';
        at_ += multi_line ? 3 : 1;
        for (; at_ < text_.size(); ++at_) {
            if (has_escapes && text_[at_] == '\\') {
                ++at_;
            } else if (multi_line && text_.substr(at_).starts_with(three)) {
                at_ += 2;
                // Up to two quotes may stand right before the three that close.
                for (int i = 0; i < 2 && text_.substr(at_ + 1).starts_with(quote); ++i) ++at_;
                return;
            } else if (!multi_line && (text_[at_] == quote || text_[at_] == '\n')) {
                return;
            }
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t dots_ = 0;
    std::size_t values_ = 0;
    std::size_t headers_ = 0;
    std::size_t dotted_keys_ = 0;
    bool line_is_blank_ = true;
};

}  // namespace

bool check_toml_bounds(std::string_view text, const model::Location& file, Problems& problems) {
    Scan scan(text);
    std::string excess = scan.run();
    if (excess.empty()) return true;
    problems.error(codes::limit, location_in(text, scan.at(), file), std::move(excess));
    return false;
}

}  // namespace mesh::config
