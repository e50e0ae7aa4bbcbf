#include "config/default_rule.hpp"

#include "config/normalized_name.hpp"
#include "config/quote.hpp"
#include "rules/token_reader.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace mesh::config {
namespace {

constexpr std::string_view opening = "{{";
constexpr std::string_view closing = "}}";

/// What stands between `{{` and `}}`.
struct Blank {
    enum class Of { name, container_name, label };
    Of of = Of::name;
    std::string key;  ///< of a label
    bool normalized = false;
    std::string_view written;  ///< with its braces
};

/// Text as it is, then something to fill in, except after the last text.
struct Piece {
    std::string_view text;
    std::optional<Blank> blank;
};

Error bad_default_rule(std::string message) {
    return Error{Errc::invalid, Origin::config, std::move(message)};
}

Error too_long() {
    return Error{
        Errc::limit,
        Origin::config,
        "the default rule is longer than " + std::to_string(rules::rule_size_max) + " bytes"};
}

/// Words, a bar, or a quoted text with its opening quote in front. Nothing: a quote is open, or
/// something in the quotes would need to be understood.
std::optional<std::vector<std::string_view>> action_words(std::string_view action) {
    constexpr std::string_view space = " \t\r\n";
    constexpr std::string_view ends_word = " \t\r\n|\"`";
    std::vector<std::string_view> words;
    for (;;) {
        action.remove_prefix(std::min(action.find_first_not_of(space), action.size()));
        if (action.empty()) return words;
        const char first = action.front();
        std::size_t size = 1;
        if (first == '"' || first == '`') {
            size = action.find(first, 1);
            if (size == std::string_view::npos) return std::nullopt;
            words.push_back(action.substr(0, size++));
            if (first == '"' && words.back().find('\\') != std::string_view::npos)
                return std::nullopt;
        } else {
            if (first != '|') size = std::min(action.find_first_of(ends_word), action.size());
            words.push_back(action.substr(0, size));
        }
        action.remove_prefix(size);
    }
}

std::optional<Blank> field_of(std::string_view word) {
    if (word == ".Name") return Blank{Blank::Of::name, {}, false, {}};
    if (word == ".ContainerName") return Blank{Blank::Of::container_name, {}, false, {}};
    return std::nullopt;
}

std::optional<Blank> blank_of(std::string_view action) {
    auto words = action_words(action);
    if (!words || words->empty()) return std::nullopt;
    bool normalized = false;
    if (words->size() > 2 && words->back() == "normalize" && (*words)[words->size() - 2] == "|") {
        normalized = true;
        words->resize(words->size() - 2);
    }
    std::optional<Blank> blank;
    if (words->size() == 1) {
        blank = field_of(words->front());
    } else if (words->size() == 2 && words->front() == "normalize") {
        blank = field_of(words->back());
        normalized = true;
    } else if (words->size() == 3 && words->front() == "index" && (*words)[1] == ".Labels" &&
               words->back().size() > 1 &&
               (words->back().front() == '"' || words->back().front() == '`')) {
        blank = Blank{Blank::Of::label, std::string(words->back().substr(1)), false, {}};
    }
    if (blank) blank->normalized = normalized;
    return blank;
}

/// Follows the literals of a rule through its text: `quote` is the one that is open, or 0.
void follow_literals(std::string_view text, char& quote) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (quote == 0) {
            if (text[i] == '`' || text[i] == '"') quote = text[i];
        } else if (quote == '"' && text[i] == '\\') {
            ++i;
        } else if (text[i] == quote) {
            quote = 0;
        }
    }
}

Result<std::vector<Piece>> pieces_of(std::string_view rule) {
    if (rule.size() > rules::rule_size_max) return too_long();
    std::vector<Piece> pieces;
    char quote = 0;
    for (;;) {
        const std::size_t begin = rule.find(opening);
        pieces.push_back({rule.substr(0, begin), {}});
        if (begin == std::string_view::npos) return pieces;
        rule.remove_prefix(begin);
        const std::size_t end = rule.find(closing);
        if (end == std::string_view::npos)
            return bad_default_rule("\"{{\" in the default rule is never closed");
        const std::string_view written = rule.substr(0, end + closing.size());
        auto blank = blank_of(written.substr(opening.size(), end - opening.size()));
        if (!blank)
            return bad_default_rule(
                in_quotes(written) +
                " is not known in a default rule: there are {{ .Name }}, {{ .ContainerName }}, "
                "{{ normalize .Name }}, {{ normalize .ContainerName }} and "
                "{{ index .Labels \"key\" }}");
        follow_literals(pieces.back().text, quote);
        if (quote == 0)
            return bad_default_rule(in_quotes(written) +
                                    " in the default rule must stand in backticks, as in "
                                    "HostSNI(`{{ normalize .Name }}.example.com`)");
        blank->written = written;
        pieces.back().blank = std::move(*blank);
        rule.remove_prefix(written.size());
    }
}

Result<std::string> value_of(const Blank& blank, const DefaultRuleFacts& facts) {
    std::string_view value = blank.of == Blank::Of::name ? facts.name : facts.container_name;
    if (blank.of == Blank::Of::label) {
        const auto found =
            std::find_if(facts.labels.begin(), facts.labels.end(), [&](const auto& label) {
                return label.first == blank.key;
            });
        value = found == facts.labels.end() ? std::string_view() : found->second;
    }
    std::string filled = blank.normalized ? normalized_name(value) : std::string(value);
    if (filled.empty())
        return bad_default_rule("nothing to put in for " + in_quotes(blank.written) +
                                " of the default rule");
    if (filled.size() > rules::rule_size_max) return too_long();
    if (filled.find_first_of("`\"'\\") != std::string::npos ||
        printable(filled, filled.size()) != filled)
        return bad_default_rule(in_quotes(filled) + " cannot be put in for " +
                                in_quotes(blank.written) +
                                " of the default rule: it has a quote, a backslash or a "
                                "character that is not printable");
    return filled;
}

}  // namespace

Result<std::string> expand_default_rule(std::string_view rule, const DefaultRuleFacts& facts) {
    const auto pieces = pieces_of(rule);
    if (!pieces) return pieces.error();
    std::string out;
    for (const Piece& piece : *pieces) {
        out += piece.text;
        if (!piece.blank) continue;
        auto value = value_of(*piece.blank, facts);
        if (!value) return value.error();
        out += *value;
        if (out.size() > rules::rule_size_max) return too_long();
    }
    if (out.size() > rules::rule_size_max) return too_long();
    return out;
}

Status check_default_rule(std::string_view rule) {
    const auto pieces = pieces_of(rule);
    if (!pieces) return pieces.error();
    return {};
}

bool needs_container_name(std::string_view rule) {
    const auto pieces = pieces_of(rule);
    return pieces && std::any_of(pieces->begin(), pieces->end(), [](const Piece& piece) {
               return piece.blank && piece.blank->of == Blank::Of::container_name;
           });
}

}  // namespace mesh::config
