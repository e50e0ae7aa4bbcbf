#pragma once
#include <string>
#include <string_view>

/// Text from the network on its way into a log line. What could end a line, move a terminal's
/// cursor or change the order of what is read never gets through: control characters (C0, DEL,
/// C1), line and paragraph separators, bidirectional overrides, and bytes that are not UTF-8.
namespace mesh::observe {

/// Appends `value` to a key=value line: as it is when it has no space, quote, equals sign or
/// backslash, else in quotes. Each hidden byte becomes \xHH, a quote \" and a backslash \\, so
/// that the original can be told from every line.
void append_value(std::string& line, std::string_view value);

/// The same, always in quotes.
void append_quoted(std::string& line, std::string_view value);

/// Appends `value` as a JSON string (RFC 8259): hidden characters as \uHHHH, bytes that are not
/// UTF-8 as the text \xHH.
void append_json(std::string& line, std::string_view value);

/// A field's name: letters, digits, '_', '-' and '.'; anything else becomes '_'.
void append_key(std::string& line, std::string_view key);

}  // namespace mesh::observe
