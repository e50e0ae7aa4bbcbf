#include "rules/rule_error.hpp"

#include <algorithm>
#include <stdexcept>

namespace mesh::rules {
namespace {

/// Columns of the rule shown on each side of the mistake.
constexpr std::size_t shown_before = 60;
constexpr std::size_t shown_after = 40;
constexpr std::string_view indent = "    ";

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
}

/// UTF-8 is passed on, C0 controls are not, and neither are the C1 controls U+0080 to U+009F.
void append_shown(std::string& out, std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const bool c1 = bytes[i] == '\xC2' && i + 1 < bytes.size() &&
                        static_cast<unsigned char>(bytes[i + 1]) < 0xA0;
        if (c1) ++i;
        out.push_back(c1 || is_control(bytes[i]) ? '?' : bytes[i]);
    }
}

std::size_t columns(std::string_view bytes) {
    return static_cast<std::size_t>(
        std::count_if(bytes.begin(), bytes.end(), [](char c) { return !is_continuation(c); }));
}

/// The part of the rule that is shown: one line of it, cut around the mistake.
struct Window {
    std::size_t begin;
    std::size_t end;
    bool cut_before;
    bool cut_after;
};

Window window_around(std::string_view rule, std::size_t offset, std::size_t length) {
    const std::size_t line_begin =
        offset == 0 ? 0 : rule.find_last_of('\n', offset - 1) + 1;  // npos + 1 is 0
    const std::size_t line_end = std::min(rule.find('\n', offset), rule.size());

    Window window{line_begin, line_end, false, false};
    if (offset - line_begin > shown_before) {
        window.begin = offset - shown_before;
        while (window.begin < offset && is_continuation(rule[window.begin])) ++window.begin;
        window.cut_before = true;
    }
    const std::size_t marked = std::min(length, shown_before);
    if (line_end - offset > marked + shown_after) {
        window.end = offset + marked + shown_after;
        while (window.end > offset && is_continuation(rule[window.end])) --window.end;
        window.cut_after = true;
    }
    return window;
}

}  // namespace

std::string excerpt(std::string_view text, std::size_t size_max) {
    std::string out;
    for (const char c : text.substr(0, size_max)) out.push_back(c >= 0x20 && c < 0x7F ? c : '?');
    if (text.size() > size_max) out += "...";
    return out;
}

std::string render(const RuleError& error, std::string_view rule) {
    const std::size_t offset = std::min(error.offset, rule.size());
    const Window window = window_around(rule, offset, error.length);
    const std::size_t marked_end =
        std::clamp(offset + std::min(error.length, rule.size() - offset), offset, window.end);

    std::string out = error.message;
    out += '\n';
    out += indent;
    if (window.cut_before) out += "...";
    append_shown(out, rule.substr(window.begin, window.end - window.begin));
    if (window.cut_after) out += "...";
    out += '\n';
    out += indent;
    out.append(
        (window.cut_before ? 3 : 0) + columns(rule.substr(window.begin, offset - window.begin)),
        ' ');
    out += '^';
    const std::size_t marked = columns(rule.substr(offset, marked_end - offset));
    if (marked > 1) out.append(marked - 1, '~');
    out += '\n';
    if (!error.hint.empty()) out += "hint: " + error.hint + '\n';
    return out;
}

void throw_exception_from_error(const RuleError& error, const boost::source_location&) {
    throw std::runtime_error(error.message);
}

}  // namespace mesh::rules
