#include "app/log_settings.hpp"

#include "app/process.hpp"

namespace mesh::app {

observe::LogWriterSettings log_settings(const model::LogSettings& from) {
    observe::LogWriterSettings settings;
    settings.format =
        from.format == model::LogFormat::json ? observe::Format::json : observe::Format::common;
    settings.file_path = from.file_path;
    settings.journal_prefix = from.file_path.empty() && stderr_is_journal();
    return settings;
}

Result<observe::LogOutput> open_log(const model::LogSettings& from) {
    if (from.file_path.empty()) return observe::LogOutput::to_stderr();
    return observe::LogOutput::to_file(from.file_path);
}

}  // namespace mesh::app
