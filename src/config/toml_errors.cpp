#include "config/toml_errors.hpp"

#include "config/codes.hpp"
#include "config/quote.hpp"

namespace mesh::config {
namespace {

struct TomlExplanation {
    std::string_view theirs;  ///< a part of the description; "SCOPE: " of what was being read
    std::string_view message;
    std::string_view hint;
};

constexpr std::string_view quote_text = "put text in double quotes";
constexpr std::string_view key_value = "write key = value";

/// The first that fits counts: what was said before the scope it was said in.
constexpr TomlExplanation toml_explanations[] = {
    {"unknown escape sequence",
     "unknown escape sequence in a double-quoted text",
     "write \\\\ for a backslash, or use single quotes"},
    {"unicode scalar sequence: ",
     "unknown escape sequence in a double-quoted text",
     "write \\\\ for a backslash, or use single quotes"},
    {"into existing inline table",
     "a table in braces is complete: nothing can be added to it here",
     "write the option between its braces"},
    {"not representable", "the number does not fit into 64 bits", ""},
    {"leading zeroes",
     "a number cannot begin with 0",
     "remove the 0, or put text in double quotes"},
    {"after '\\r'", "a carriage return without a line feed", "end lines with LF or CR LF"},
    {"multi-line strings are prohibited", "a key cannot stand on several lines", ""},
    {"string: ", "a quote is not closed", "add the closing quote"},
    {"array: encountered", "a '[' is not closed", "add ']', or a ',' between two items"},
    {"expected comma or closing ']'",
     "a ',' or ']' is expected here",
     "put a ',' between two items"},
    {"array: ", "a value or ']' is expected here", "remove the ',' too many"},
    {"dangling comma", "a ',' before the '}'", "remove it"},
    {"inline table: encountered", "a '{' is not closed", "add '}'"},
    {"inline table: ",
     "a ',' or '}' is expected here",
     "a table in braces stands on one line; write it as a [table] of its own"},
    {"expected a comment or whitespace",
     "unexpected text at the end of the line",
     "write each option on a line of its own"},
    {"table header: expected ']'", "the name of a table is not closed", "add ']'"},
    {"table header: encountered", "the name of a table is not closed", "add ']'"},
    {"table header: ", "this is not the name of a table", "write [section] or [[list]]"},
    {"expected '=', saw ':'", "unexpected ':'", "TOML has no ':'; write key = value"},
    {"expected '='", "a '=' is expected here", key_value},
    {"expected value, saw", "a value is missing", key_value},
    {"key-value pair: encountered", "a value is missing", key_value},
    {"key: ", "a key is expected here", key_value},
    {"root table: ", "a key or a [table] is expected here", key_value},
    {"value: ", "a value cannot begin with this character", quote_text},
    {"boolean: ", "this is not a value", quote_text},
    {"integer: ", "this is not a value", quote_text},
    {"floating-point: ", "this is not a value", quote_text},
    {"date", "this is not a value", quote_text},
    {"time", "this is not a value", quote_text},
};

constexpr std::size_t shown_max = 200;

}  // namespace

TomlMistake explain_toml(std::string_view description) {
    if (description.find("exceeded maximum nested value depth") != std::string_view::npos)
        return {codes::limit, "values are nested too deep", {}};
    for (const TomlExplanation& known : toml_explanations)
        if (description.find(known.theirs) != std::string_view::npos)
            return {codes::syntax, std::string(known.message), std::string(known.hint)};
    return {codes::syntax, printable(description, shown_max), {}};
}

}  // namespace mesh::config
