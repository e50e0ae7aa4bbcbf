#include "config/toml.hpp"

#include "config/codes.hpp"
#include "config/quote.hpp"
#include "config/source_text.hpp"
#include "config/toml_bounds.hpp"
#include "config/toml_errors.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

// The one place where the library is compiled.
#define TOML_EXCEPTIONS 0
// One of its assertions is reached by input (a header that begins with no key), right before the
// error for it.
#define TOML_ASSERT(expr) static_assert(true)
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 64
#if __has_include(<toml++/toml.hpp>)
#include <toml++/toml.hpp>  // since 3.4
#else
#include <toml++/toml.h>
#endif

namespace mesh::config {
namespace {

static_assert(TOML_MAX_NESTED_VALUES == toml_depth_max);

/// toml++ counts lines and characters from 1; the decoder wants the byte too. Places come in any
/// order (a table's parts may stand far apart), so every one costs the same on lines of any length.
class TomlPlaces {
 public:
    explicit TomlPlaces(std::string_view text) : text_(text) {
        bool at_line_begin = true;
        std::size_t at = 0;
        for (; at < text.size(); ++size_) {
            if (at_line_begin) lines_.push_back(size_);
            if (size_ % stride == 0) marks_.push_back(static_cast<std::uint32_t>(at));
            at_line_begin = text[at] == '\n';
            at += size_of_character(at);
        }
        if (at_line_begin) lines_.push_back(size_);
        marks_.push_back(static_cast<std::uint32_t>(at));
    }

    Place operator()(toml::source_position position) const {
        if (position.line == 0 || position.line > lines_.size()) return {};
        const std::size_t characters =
            std::min<std::size_t>(lines_[position.line - 1] + position.column - 1, size_);
        std::size_t offset = marks_[characters / stride];
        for (std::size_t i = characters % stride; i > 0 && offset < text_.size(); --i)
            offset += size_of_character(offset);
        return {position.line, position.column, static_cast<std::uint32_t>(offset)};
    }

 private:
    static constexpr std::size_t stride = 64;

    [[nodiscard]] std::size_t size_of_character(std::size_t at) const {
        return std::max<std::size_t>(1, utf8_sequence_size(text_.substr(at)));
    }

    std::string_view text_;
    std::uint32_t size_ = 0;            ///< in characters
    std::vector<std::uint32_t> lines_;  ///< the character each begins with
    std::vector<std::uint32_t> marks_;  ///< the byte of every `stride`th character, and the end
};

class TomlBuilder {
 public:
    TomlBuilder(std::string_view text, const model::Location& file, Problems& problems)
        : text_(text), place_of_(text), file_(file), problems_(problems) {}

    std::optional<ParsedTree> run(const toml::table& root) {
        const auto id = add(root, 1);
        if (!id) return std::nullopt;
        return ParsedTree{std::move(tree_), *id};
    }

 private:
    /// Nothing when it is nested too deep.
    std::optional<Tree::Id> add(const toml::node& node, int depth) {
        const Place place = place_of_(node.source().begin);
        if (depth > toml_depth_max) {
            refuse_depth(place);
            return std::nullopt;
        }
        if (const auto* const table = node.as_table()) return add_table(*table, place, depth);
        if (const auto* const array = node.as_array()) return add_array(*array, place, depth);
        if (const auto* const string = node.as_string())
            return tree_.add_scalar(place, string->get(), false);
        if (const auto* const integer = node.as_integer())
            return tree_.add_scalar(place, std::to_string(integer->get()), true);
        if (const auto* const boolean = node.as_boolean())
            return tree_.add_scalar(place, boolean->get() ? "true" : "false", true);
        return tree_.add_scalar(place, as_written(place, node.source().end), true);
    }

    std::optional<Tree::Id> add_table(const toml::table& table, Place place, int depth) {
        std::vector<std::pair<const toml::key*, const toml::node*>> entries;
        entries.reserve(table.size());
        for (const auto& [key, value] : table) entries.emplace_back(&key, &value);
        std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
            return a.first->source().begin < b.first->source().begin;
        });
        std::vector<Tree::Id> children;
        children.reserve(2 * entries.size());
        for (const auto& [key, value] : entries) {
            const Place key_place = place_of_(key->source().begin);
            const bool bare = !text_.substr(key_place.offset).starts_with('"') &&
                              !text_.substr(key_place.offset).starts_with('\'');
            children.push_back(tree_.add_scalar(key_place, key->str(), bare));
            const auto child = add(*value, depth + 1);
            if (!child) return std::nullopt;
            children.push_back(*child);
        }
        return tree_.add_map(place, children);
    }

    std::optional<Tree::Id> add_array(const toml::array& array, Place place, int depth) {
        std::vector<Tree::Id> items;
        items.reserve(array.size());
        for (const auto& value : array) {
            const auto item = add(value, depth + 1);
            if (!item) return std::nullopt;
            items.push_back(*item);
        }
        return tree_.add_list(place, items);
    }

    std::string_view as_written(Place begin, toml::source_position end) {
        const Place after = place_of_(end);
        if (after.offset <= begin.offset) return {};
        return text_.substr(begin.offset, after.offset - begin.offset);
    }

    void refuse_depth(Place place) {
        model::Location at = file_;
        at.line = static_cast<int>(place.line);
        at.column = static_cast<int>(place.column);
        problems_.error(codes::limit,
                        at,
                        "nested more than " + std::to_string(toml_depth_max) + " levels deep");
    }

    std::string_view text_;
    TomlPlaces place_of_;
    const model::Location& file_;
    Problems& problems_;
    Tree tree_;
};

/// A key where it stands in the text.
struct WrittenKey {
    std::size_t line_begin;
    std::size_t begin;
    std::string_view text;
    bool is_header;
    bool begins_line;  ///< not inside a table in braces
};

constexpr std::string_view blanks = " \t";

std::size_t line_begin_before(std::string_view text, std::size_t at) {
    return at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
}

/// `noticed`: in the header's line or at the beginning of the next one.
WrittenKey redefined_table(std::string_view text, std::size_t noticed) {
    WrittenKey key{};
    key.line_begin = line_begin_before(text, noticed);
    key.begin = text.find_first_not_of(blanks, key.line_begin);
    if (!text.substr(std::min(key.begin, text.size())).starts_with('[') && key.line_begin > 0) {
        key.line_begin = line_begin_before(text, key.line_begin - 1);
        key.begin = text.find_first_not_of(blanks, key.line_begin);
    }
    key.begin = std::min(key.begin, text.size());
    const std::size_t inside = std::min(text.find_first_not_of('[', key.begin), text.size());
    key.text = text.substr(inside, text.find(']', inside) - inside);
    key.is_header = key.begins_line = true;
    return key;
}

/// Where the last of `characters` stands that no quotes enclose.
std::size_t last_outside_quotes(std::string_view line, std::string_view characters) {
    std::size_t found = std::string_view::npos;
    char quote = '\0';
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (quote == '"' && line[i] == '\\')
            ++i;
        else if (quote != '\0')
            quote = line[i] == quote ? '\0' : quote;
        else if (line[i] == '"' || line[i] == '\'')
            quote = line[i];
        else if (characters.find(line[i]) != std::string_view::npos)
            found = i;
    }
    return found;
}

/// `noticed`: one of the parts of a dotted key if `at_part`, else the value behind the '='.
WrittenKey redefined_option(std::string_view text, std::size_t noticed, bool at_part) {
    WrittenKey key{};
    key.line_begin = line_begin_before(text, noticed);
    const std::string_view before = text.substr(key.line_begin, noticed - key.line_begin);
    const std::size_t opened = last_outside_quotes(before, "{,");
    const std::size_t from =
        before.find_first_not_of(blanks, opened == std::string_view::npos ? 0 : opened + 1);
    const std::size_t end =
        at_part ? text.find_first_of(" \t.=", noticed) : key.line_begin + before.rfind('=');
    key.begin = from == std::string_view::npos ? noticed : key.line_begin + from;
    key.text = end > key.begin ? text.substr(key.begin, end - key.begin) : std::string_view{};
    key.begins_line = opened == std::string_view::npos;
    return key;
}

/// The names of a dotted key.
std::vector<std::string> names_of(std::string_view key) {
    std::vector<std::string> names;
    const toml::parse_result parsed = toml::parse(std::string(key) + " = 0");
    if (!parsed) return names;
    for (const toml::node* node = &parsed.table();
         node->is_table() && !node->as_table()->empty();) {
        const auto only = node->as_table()->begin();
        names.emplace_back(only->first.str());
        node = &only->second;
    }
    return names;
}

/// The table that a line at the end of a text would add to: the one whose header comes last.
class OpenTable {
 public:
    explicit OpenTable(std::string_view text) : text_(text), place_of_(text) {}

    std::vector<std::string> in(const toml::table& root) {
        look(root);
        return best_;
    }

 private:
    void look(const toml::table& table) {
        const auto begin = table.source().begin;
        const bool has_header = text_.substr(place_of_(begin).offset).starts_with('[');
        // A header makes the tables above it at its own place; the last of them is the one it
        // names.
        if (has_header && !(begin < latest_)) {
            latest_ = begin;
            best_ = path_;
        }
        for (const auto& [key, value] : table) {
            const toml::node* below = &value;
            if (const auto* const list = value.as_array(); list && list->is_array_of_tables())
                below = list->get(list->size() - 1);
            if (const auto* const child = below->as_table(); child && !child->is_inline()) {
                path_.emplace_back(key.str());
                look(*child);
                path_.pop_back();
            }
        }
    }

    std::string_view text_;
    TomlPlaces place_of_;
    toml::source_position latest_{};
    std::vector<std::string> path_;
    std::vector<std::string> best_;
};

/// Follows `path` as far as there are such keys and cuts it there; returns the last one's line, or
/// 0.
std::uint32_t follow(const toml::table& root, std::vector<std::string>& path) {
    const toml::node* node = &root;
    std::uint32_t line = 0;
    std::size_t known = 0;
    for (; known < path.size(); ++known) {
        if (const auto* const list = node->as_array(); list && !list->empty())
            node = list->get(list->size() - 1);
        const auto* const table = node->as_table();
        if (!table) break;
        const auto found = table->find(path[known]);
        if (found == table->end()) break;
        line = found->first.source().begin.line;
        node = &found->second;
    }
    path.resize(known);
    return line;
}

/// A key that stands twice, reported as the other notations do.
void report_duplicate(const toml::parse_error& error,
                      std::string_view text,
                      const model::Location& file,
                      Problems& problems) {
    const std::size_t noticed = TomlPlaces(text)(error.source().begin).offset;
    const auto says = [&](std::string_view words) {
        return error.description().find(words) != std::string_view::npos;
    };
    const WrittenKey key = says("table header: ")
                               ? redefined_table(text, noticed)
                               : redefined_option(text, noticed, says("as dotted key-value pair"));
    const std::vector<std::string> names = names_of(key.text);

    model::Location at = location_in(text, key.begin, file);
    std::string name = names.empty() ? "a key" : in_quotes(names.back());
    std::string hint;
    const auto before = toml::parse(text.substr(0, key.line_begin));
    if (before && key.begins_line) {
        std::vector<std::string> path;
        if (!key.is_header) path = OpenTable(text).in(before.table());
        path.insert(path.end(), names.begin(), names.end());
        if (const auto line = follow(before.table(), path); line != 0) {
            hint = "it stands first in line " + std::to_string(line);
            name = in_quotes(path.back());
        }
        for (const std::string& part : path)
            at.path += (at.path.empty() ? "" : ".") + printable(part);
    }
    problems.error(codes::duplicate, at, name + " stands twice in this section", std::move(hint));
}

void report(const toml::parse_error& error,
            std::string_view text,
            const model::Location& file,
            Problems& problems) {
    if (error.description().find("cannot redefine existing") != std::string_view::npos) {
        report_duplicate(error, text, file, problems);
        return;
    }
    model::Location at = file;
    at.line = static_cast<int>(error.source().begin.line);
    at.column = static_cast<int>(error.source().begin.column);
    TomlMistake mistake = explain_toml(error.description());
    problems.error(mistake.code, at, std::move(mistake.message), std::move(mistake.hint));
}

}  // namespace

std::optional<ParsedTree> parse_toml(std::string_view text,
                                     const model::Location& file,
                                     Problems& problems) {
    if (!check_toml_bounds(text, file, problems)) return std::nullopt;
    const toml::parse_result parsed = toml::parse(text);
    if (parsed) return TomlBuilder(text, file, problems).run(parsed.table());
    report(parsed.error(), text, file, problems);
    return std::nullopt;
}

}  // namespace mesh::config
