#include "base/time_text.hpp"
#include "observe/escape.hpp"
#include "observe/log_writer.hpp"

namespace mesh::observe {
namespace {

/// sd-daemon(3): the priority journald takes from the start of a line.
std::string_view priority(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return "<7>";
        case LogLevel::info:
            return "<6>";
        case LogLevel::warn:
            return "<4>";
        case LogLevel::error:
            return "<3>";
    }
    return "<6>";
}

void append_common(std::string& line, const LogRecord& record) {
    line.append("time=").append(rfc3339_ms(record.time));
    line.append(" level=").append(to_string(record.level));
    if (!record.event.empty()) {
        line += " event=";
        append_value(line, record.event);
    }
    if (!record.message.empty()) {
        line += " msg=";
        append_quoted(line, record.message);
    }
    for (const LogRecord::Field& field : record.fields) {
        line += ' ';
        append_key(line, field.key);
        line += '=';
        append_value(line, field.value);
    }
}

void append_as_json(std::string& line, const LogRecord& record) {
    line.append(R"({"time":")").append(rfc3339_ms(record.time));
    line.append(R"(","level":")").append(to_string(record.level)).append("\"");
    if (!record.event.empty()) {
        line += R"(,"event":)";
        append_json(line, record.event);
    }
    if (!record.message.empty()) {
        line += R"(,"msg":)";
        append_json(line, record.message);
    }
    for (const LogRecord::Field& field : record.fields) {
        line += ",\"";
        append_key(line, field.key);
        line += "\":";
        if (field.is_literal)
            line += field.value;
        else
            append_json(line, field.value);
    }
    line += '}';
}

}  // namespace

std::string format_line(const LogRecord& record, Format format, bool journal_prefix) {
    std::string line;
    if (journal_prefix) line += priority(record.level);
    switch (format) {
        case Format::common:
            append_common(line, record);
            break;
        case Format::json:
            append_as_json(line, record);
            break;
    }
    return line;
}

}  // namespace mesh::observe
