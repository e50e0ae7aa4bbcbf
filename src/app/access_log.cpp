#include "app/access_log.hpp"

#include <utility>

namespace mesh::app {
namespace {

/// Per worker, 2 KiB each: what ends between two looks of the writer.
constexpr std::size_t lines_waiting_max = 2048;

observe::LogWriterSettings writer_settings(const model::AccessLogSettings& from) {
    observe::LogWriterSettings settings;
    settings.format =
        from.format == model::LogFormat::json ? observe::Format::json : observe::Format::common;
    settings.file_path = from.file_path;
    return settings;
}

}  // namespace

Result<observe::LogOutput> AccessLog::open(const model::AccessLogSettings& settings) {
    if (settings.file_path.empty()) return observe::LogOutput::to_stdout();
    return observe::LogOutput::to_file(settings.file_path);
}

void AccessLog::use(const std::optional<model::AccessLogSettings>& settings,
                    std::optional<observe::LogOutput> opened,
                    proxy::DataPlane& data_plane) {
    if (!settings) {
        data_plane.set_connection_log({}, {});
        return;
    }
    if (opened && writer_) writer_->use(writer_settings(*settings), std::move(*opened));
    if (opened && !writer_) {
        writer_ = observe::LogWriter::start(writer_settings(*settings), std::move(*opened));
        for (unsigned i = 0; i < workers_; ++i)
            logs_.push_back(std::make_unique<RingLog>(
                writer_->add_ring(lines_waiting_max), clock_, LogLevel::info));
    }
    std::vector<RingLog*> logs;
    for (const auto& log : logs_) logs.push_back(log.get());
    data_plane.set_connection_log(logs, settings->min_duration);
}

void AccessLog::reopen() {
    if (writer_) writer_->reopen();
}

bool AccessLog::same_output(const std::optional<model::AccessLogSettings>& a,
                            const std::optional<model::AccessLogSettings>& b) {
    if (!a || !b) return a.has_value() == b.has_value();
    return a->format == b->format && a->file_path == b->file_path;
}

}  // namespace mesh::app
