#include "config/options.hpp"
#include "config/reading.hpp"

namespace mesh::config {
namespace {

/// Longer than any connection that a person would call short.
constexpr std::chrono::milliseconds min_duration_max = std::chrono::hours{24};

constexpr Choice<LogLevel> log_levels[] = {
    {"DEBUG", LogLevel::debug},
    {"INFO", LogLevel::info},
    {"WARN", LogLevel::warn},
    {"ERROR", LogLevel::error},
};

constexpr RefusedWord other_levels[] = {
    {"TRACE", "mesh has no log level below DEBUG", "write DEBUG"},
    {"FATAL", "mesh has no log level above ERROR", "write ERROR"},
    {"PANIC", "mesh has no log level above ERROR", "write ERROR"},
};

constexpr Choice<model::LogFormat> log_formats[] = {
    {"common", model::LogFormat::common},
    {"json", model::LogFormat::json},
};

constexpr Option<LogDraft> log_options[] = {
    option<LogDraft>("level",
                     "DEBUG, INFO, WARN or ERROR",
                     "INFO",
                     "The least severe level that is logged.",
                     [](const Field& field, LogDraft& out) {
                         out.level = field.choice(log_levels, other_levels);
                     }),
    option<LogDraft>(
        "format",
        "common or json",
        "common",
        "`common` is `key=value`, `json` is one object per line.",
        [](const Field& field, LogDraft& out) { out.format = field.choice(log_formats); }),
    option<LogDraft>("filePath",
                     "path",
                     "stderr",
                     "The file the log is appended to.",
                     [](const Field& field, LogDraft& out) { out.file_path = field.text(); }),
    foreign<LogDraft>("compress"),
    foreign<LogDraft>("maxAge"),
    foreign<LogDraft>("maxBackups"),
    foreign<LogDraft>("maxSize"),
    foreign<LogDraft>("noColor"),
    foreign<LogDraft>("otlp"),
};
constexpr Section<LogDraft> log_entry{"log", log_options};

constexpr Option<AccessLogDraft> access_log_options[] = {
    option<AccessLogDraft>(
        "format",
        "common or json",
        "common",
        "`common` is `key=value`, `json` is one object per line.",
        [](const Field& field, AccessLogDraft& out) { out.format = field.choice(log_formats); }),
    option<AccessLogDraft>(
        "filePath",
        "path",
        "stdout",
        "The file the lines are appended to.",
        [](const Field& field, AccessLogDraft& out) { out.file_path = field.text(); }),
    option<AccessLogDraft>("filters",
                           "section",
                           "every connection",
                           "Which connections get a line.",
                           [](const Field& field, AccessLogDraft& out) {
                               decode_section(field, access_log_filters_section(), out);
                           }),
    foreign<AccessLogDraft>("addInternals"),
    foreign<AccessLogDraft>("bufferingSize"),
    foreign<AccessLogDraft>("fields"),
    foreign<AccessLogDraft>("otlp"),
};
constexpr Section<AccessLogDraft> access_log_entry{"accessLog", access_log_options};

constexpr Option<AccessLogDraft> access_log_filters_options[] = {
    option<AccessLogDraft>("minDuration",
                           "duration",
                           "none",
                           "Only connections that lasted so long, at most 24h.",
                           [](const Field& field, AccessLogDraft& out) {
                               out.min_duration = field.duration(min_duration_max);
                           }),
    foreign<AccessLogDraft>("retryAttempts"),
    foreign<AccessLogDraft>("statusCodes"),
};
constexpr Section<AccessLogDraft> access_log_filters_entry{"accessLog.filters",
                                                           access_log_filters_options};

}  // namespace

const Section<LogDraft>& log_section() {
    return log_entry;
}

const Section<AccessLogDraft>& access_log_section() {
    return access_log_entry;
}

const Section<AccessLogDraft>& access_log_filters_section() {
    return access_log_filters_entry;
}

}  // namespace mesh::config
