#include "config/field.hpp"

#include "base/ascii.hpp"
#include "base/duration.hpp"
#include "base/nearest.hpp"
#include "config/codes.hpp"
#include "config/labels.hpp"
#include "config/quote.hpp"
#include "config/spelling.hpp"
#include "config/substitution.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace mesh::config {
namespace {

using Trouble = Substituted::Trouble;

std::string_view what_it_is(NodeKind kind) {
    switch (kind) {
        case NodeKind::null:
            return "nothing";
        case NodeKind::scalar:
            return "a single value";
        case NodeKind::map:
            return "a map";
        case NodeKind::list:
            return "a list";
    }
    return "";
}

bool holds_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7F;
    });
}

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

/// "a, b" as a label has a list.
std::vector<Text> split(const Text& list) {
    constexpr std::string_view blanks = " \t\r\n";
    std::vector<Text> out;
    std::string_view rest = list.value;
    while (!list.unknown && !rest.empty()) {
        const std::string_view item = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(rest.size(), item.size() + 1));
        const std::size_t begin = item.find_first_not_of(blanks);
        if (begin == std::string_view::npos) continue;
        Text& one = out.emplace_back(list);
        one.value = item.substr(begin, item.find_last_not_of(blanks) + 1 - begin);
    }
    return out;
}

}  // namespace

std::string shown(const Text& text) {
    if (text.hidden) return "the substituted value";
    return in_quotes(text.value);
}

Field Field::entry(std::size_t index, std::string_view name) const {
    Field field(*source_, node_.value(index), this);
    field.key_ = node_.key(index);
    field.name_ = name;
    return field;
}

Field Field::item(std::size_t index) const {
    Field field(*source_, node_.value(index), this);
    field.index_ = index;
    return field;
}

void Field::append_path(std::string& out) const {
    if (!parent_) return;
    parent_->append_path(out);
    if (!key_) {
        out += '[' + std::to_string(index_) + ']';
        return;
    }
    if (!out.empty()) out += '.';
    out += printable(name_);
}

std::string Field::path() const {
    std::string out;
    append_path(out);
    return out;
}

model::Location Field::location(Place place) const {
    return {source_->file,
            static_cast<int>(place.line),
            static_cast<int>(place.column),
            is_label() ? source_->label_paths->path(place) : path()};
}

model::Location Field::at() const {
    return kind() == NodeKind::null ? key_at() : location(node_.place());
}

model::Location Field::key_at() const {
    return location(key_ ? key_->place() : node_.place());
}

model::Location Field::written_at() const {
    model::Location at = key_at();
    if (is_label()) at.path = source_->label_paths->key(key_ ? key_->place() : node_.place());
    return at;
}

bool Field::is_optional_section() const {
    if (!is_label() || kind() != NodeKind::scalar) return is_section();
    if (node_.text().empty()) return true;
    return boolean();
}

bool Field::is_section() const {
    if (kind() == NodeKind::map || kind() == NodeKind::null) return true;
    if (is_label()) {
        wrong_kind("options below this label");
        return false;
    }
    const bool meant_on = kind() == NodeKind::scalar && equal_ignoring_case(node_.text(), "true");
    wrong_kind("a map of options", meant_on ? "write {} for the defaults" : "");
    return false;
}

bool Field::is_list() const {
    if (kind() == NodeKind::list) return true;
    if (!is_empty_value("a list")) wrong_kind("a list");
    return false;
}

bool Field::is_empty_value(std::string_view expected) const {
    if (kind() != NodeKind::null) return false;
    problems().error(codes::wrong_kind,
                     at(),
                     "expected " + std::string(expected) + ", got nothing",
                     "leave the option out, or give it a value");
    return true;
}

void Field::wrong_kind(std::string_view expected, std::string hint) const {
    problems().error(
        codes::wrong_kind,
        at(),
        "expected " + std::string(expected) + ", got " + std::string(what_it_is(kind())),
        std::move(hint));
}

void Field::bad_value(const Text& text, const std::string& expected, std::string hint) const {
    problems().error(codes::bad_value,
                     text.at,
                     "expected " + expected + ", got " + shown(text),
                     std::move(hint));
}

/// The column where the value begins, if the source holds it there byte for byte.
int Field::verbatim_column(std::string_view value) const {
    if (is_label()) return 0;
    const Place place = node_.place();
    const std::size_t quote = node_.plain() ? 0 : 1;
    const std::string_view rest =
        source_->text.substr(std::min<std::size_t>(place.offset + quote, source_->text.size()));
    if (!rest.starts_with(value) || !is_ascii(value)) return 0;
    return static_cast<int>(place.column + quote);
}

void Field::report(Substituted trouble, const model::Location& place) const {
    const auto code = trouble.trouble == Trouble::malformed ? codes::bad_substitution
                      : trouble.trouble == Trouble::unset   ? codes::unset_variable
                                                            : codes::file_missing;
    const bool bearable = source_->no_secrets && trouble.trouble != Trouble::malformed;
    problems().add(finding_at(bearable ? Severity::warning : Severity::error,
                              code,
                              place,
                              std::move(trouble.message),
                              std::move(trouble.hint)));
}

Text Field::text() const {
    Text out;
    out.at = at();
    out.unknown = true;
    if (is_empty_value("a value")) return out;
    if (kind() != NodeKind::scalar) {
        wrong_kind("a single value");
        return out;
    }
    Substituted result;
    if (is_label())
        result.text = node_.text();
    else
        result = substitute(node_.text(), source_->environment, source_->folder);
    out.hidden = result.replaced;
    if (result.trouble != Trouble::none) {
        report(std::move(result), out.at);
        return out;
    }
    if (holds_control(result.text)) {
        problems().error(codes::bad_value, out.at, "the value holds a control character");
        return out;
    }
    out.value = std::move(result.text);
    out.unknown = false;
    if (!out.hidden) out.verbatim_column = verbatim_column(out.value);
    return out;
}

std::vector<Text> Field::texts() const {
    bool unknown = false;
    return texts(unknown);
}

std::vector<Text> Field::texts(bool& unknown) const {
    std::vector<Text> out;
    if (is_empty_value("a list")) return out;
    if (kind() == NodeKind::map) {
        wrong_kind("a list");
        return out;
    }
    if (kind() == NodeKind::scalar) {
        Text only = text();
        unknown = only.unknown;
        if (is_label()) return split(only);
        if (only.value.find(',') != std::string::npos)
            bad_value(only, "a list", "write it as [a, b]");
        else if (!only.unknown && !only.value.empty())
            out.push_back(std::move(only));
        return out;
    }
    for (std::size_t i = 0; i < size(); ++i) {
        Text one = item(i).text();
        unknown = unknown || one.unknown;
        if (!one.unknown) out.push_back(std::move(one));
    }
    return out;
}

std::vector<Text> Field::some_texts() const {
    const std::size_t errors_before = problems().errors();
    bool unknown = false;
    std::vector<Text> out = texts(unknown);
    if (out.empty() && !unknown && problems().errors() == errors_before)
        problems().error(codes::bad_value,
                         at(),
                         "the list is empty",
                         "leave the option out, or put something into it");
    return out;
}

bool Field::boolean() const {
    const Text given = text();
    if (given.unknown) return false;
    const auto value = parse_boolean(given.value);
    if (!value) bad_value(given, "true or false");
    return value.value_or(false);
}

std::int64_t Field::integer(std::int64_t min, std::int64_t max) const {
    const Text given = text();
    if (given.unknown) return min;
    const char* const end = given.value.data() + given.value.size();
    std::int64_t number = 0;
    const auto parsed = std::from_chars(given.value.data(), end, number);
    if (parsed.ec == std::errc{} && parsed.ptr == end && number >= min && number <= max)
        return number;
    const bool unlimited = max == std::numeric_limits<std::int64_t>::max();
    bad_value(given,
              unlimited
                  ? "a whole number"
                  : "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
    return min;
}

std::chrono::milliseconds Field::duration(std::chrono::milliseconds max) const {
    const Text given = text();
    if (given.unknown) return max;
    const auto parsed = parse_duration(given.value);
    if (!parsed) {
        bad_value(given, "a duration", "write it like 10s, 1h30m or 250ms");
        return max;
    }
    if (*parsed > std::chrono::milliseconds{0} && *parsed <= max) return *parsed;
    bad_value(given, "a duration of more than 0 and at most " + describe(max));
    return max;
}

std::chrono::milliseconds Field::duration_or_zero(std::chrono::milliseconds max) const {
    const Text given = text();
    if (given.unknown) return {};
    const auto parsed = parse_duration(given.value);
    if (parsed && *parsed >= std::chrono::milliseconds{0} && *parsed <= max) return *parsed;
    bad_value(given,
              parsed ? "a duration of at most " + describe(max) : "a duration",
              parsed ? std::string() : "write it like 10s, 1h30m or 250ms");
    return {};
}

std::size_t Field::chosen(const std::vector<std::string>& words,
                          std::span<const RefusedWord> refused) const {
    const Text given = text();
    if (given.unknown) return 0;
    std::string all;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (equal_ignoring_case(words[i], given.value)) return i;
        all += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
    }
    for (const RefusedWord& word : refused) {
        if (!equal_ignoring_case(word.word, given.value)) continue;
        problems().error(
            codes::unsupported, given.at, std::string(word.message), std::string(word.hint));
        return 0;
    }
    const auto near = given.hidden ? std::nullopt : nearest(given.value, words);
    bad_value(given, all, near ? "did you mean \"" + *near + "\"?" : std::string());
    return 0;
}

}  // namespace mesh::config
