#include "observe/log_writer.hpp"

#include "base/quiet_thread.hpp"
#include "observe/log_output.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace mesh::observe {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Producers do not wake the writer (a wake-up would be a system call on the data path); it looks
// for records, often after it found some, seldom when nothing happens.
constexpr milliseconds busy_interval{5};
constexpr milliseconds idle_interval{80};
// What is formatted at once; the rings hold everything else.
constexpr std::size_t batch_size = 64 * 1024;
constexpr milliseconds stop_time{1'000};
// How often a blocked output is asked whether the writer should stop meanwhile.
constexpr milliseconds blocked_interval{50};

}  // namespace

struct LogWriter::State {
    State(LogWriterSettings chosen, LogOutput opened)
        : settings(std::move(chosen)), output(std::move(opened)) {}

    void run();
    /// Formats records until the batch is full or the rings are empty.
    void collect();
    void report_dropped();
    void append(LogLevel level,
                std::string_view event,
                std::string_view message,
                std::vector<LogRecord::Field> fields);
    /// What the output takes now; waits a while for it, not for ever.
    void write_some();
    void open_anew();
    /// The output does not take the rest of the batch, and another one waits.
    void leave_blocked_output();
    std::vector<LogRing*> rings_now();
    void wait(milliseconds time);
    [[nodiscard]] bool out_of_time() const;

    // The writer thread's own.
    LogWriterSettings settings;
    LogOutput output;
    std::string batch;
    std::size_t batch_written = 0;
    std::uint64_t lines_lost = 0;  ///< formatted, then not taken by the output
    std::uint64_t dropped_reported = 0;
    bool output_works = true;
    SystemClock clock;

    std::mutex mutex;
    std::condition_variable wake;
    std::vector<std::unique_ptr<LogRing>> rings;
    bool reopen_asked = false;
    std::optional<std::pair<LogWriterSettings, LogOutput>> chosen_anew;
    std::optional<steady_clock::time_point> stop_by;

    std::thread thread;
};

void LogWriter::State::run() {
    milliseconds interval = busy_interval;
    for (;;) {
        bool stopping = false;
        {
            const std::lock_guard lock(mutex);
            stopping = stop_by.has_value();
        }
        if (batch.empty()) {
            open_anew();
            collect();
        }
        if (batch.empty()) {
            // Everything logged before the stop has been seen, since it was read first.
            if (stopping) return;
            wait(interval);
            interval = std::min(interval * 2, idle_interval);
            continue;
        }
        interval = busy_interval;
        write_some();
        if (stopping && out_of_time()) return;
    }
}

void LogWriter::State::collect() {
    const auto visit = [this](const LogRecord& record) {
        batch += format_line(record, settings.format, settings.journal_prefix);
        batch += '\n';
    };
    for (LogRing* ring : rings_now())
        while (batch.size() < batch_size && ring->pop(visit)) {
        }
    report_dropped();
}

void LogWriter::State::report_dropped() {
    // An output that fails gets the next record as a probe, not report after report.
    if (!output_works) return;
    std::uint64_t dropped = lines_lost;
    for (const LogRing* ring : rings_now()) dropped += ring->dropped();
    if (dropped == dropped_reported) return;
    const std::string count = std::to_string(dropped - dropped_reported);
    dropped_reported = dropped;
    append(LogLevel::warn,
           "log_dropped",
           "log records were lost because the output did not take them",
           {{"records", count, true}});
}

void LogWriter::State::append(LogLevel level,
                              std::string_view event,
                              std::string_view message,
                              std::vector<LogRecord::Field> fields) {
    const LogRecord record{clock.now(), level, event, message, std::move(fields)};
    batch += format_line(record, settings.format, settings.journal_prefix);
    batch += '\n';
}

void LogWriter::State::write_some() {
    std::string_view rest = std::string_view(batch).substr(batch_written);
    const std::size_t before = rest.size();
    const LogOutput::Outcome outcome = output.write(rest, blocked_interval);
    const std::string_view tried =
        std::string_view(batch).substr(batch_written, before - rest.size());
    batch_written += tried.size();
    if (outcome == LogOutput::Outcome::written) output_works = true;
    if (outcome == LogOutput::Outcome::would_block) return leave_blocked_output();
    if (outcome == LogOutput::Outcome::failed) {
        output_works = false;
        lines_lost += static_cast<std::uint64_t>(std::count(tried.begin(), tried.end(), '\n'));
        wait(idle_interval);  // a full disk is not asked again at once
    }
    if (rest.empty()) {
        batch.clear();
        batch_written = 0;
    }
}

void LogWriter::State::leave_blocked_output() {
    {
        const std::lock_guard lock(mutex);
        if (!chosen_anew) return;
    }
    const std::string_view rest = std::string_view(batch).substr(batch_written);
    lines_lost += static_cast<std::uint64_t>(std::count(rest.begin(), rest.end(), '\n'));
    batch.clear();
    batch_written = 0;
}

void LogWriter::State::open_anew() {
    {
        const std::lock_guard lock(mutex);
        if (auto chosen = std::exchange(chosen_anew, std::nullopt)) {
            settings = std::move(chosen->first);
            output = std::move(chosen->second);
            output_works = true;
        }
        if (!std::exchange(reopen_asked, false)) return;
    }
    if (settings.file_path.empty()) return;
    Result<LogOutput> opened = LogOutput::to_file(settings.file_path);
    if (opened)
        output = *std::move(opened);
    else
        append(LogLevel::error,
               "log_reopen",
               "the log file cannot be opened anew; the old one is written on",
               {{"reason", opened.error().message}});
}

std::vector<LogRing*> LogWriter::State::rings_now() {
    const std::lock_guard lock(mutex);
    std::vector<LogRing*> all;
    all.reserve(rings.size());
    for (const auto& ring : rings) all.push_back(ring.get());
    return all;
}

void LogWriter::State::wait(milliseconds time) {
    std::unique_lock lock(mutex);
    wake.wait_for(
        lock, time, [this] { return stop_by.has_value() || reopen_asked || chosen_anew; });
}

bool LogWriter::State::out_of_time() const {
    return steady_clock::now() >= *stop_by;
}

LogWriter::LogWriter() = default;

Result<std::unique_ptr<LogWriter>> LogWriter::start(LogWriterSettings settings) {
    Result<LogOutput> output = settings.file_path.empty()
                                   ? Result<LogOutput>(LogOutput::to_stderr())
                                   : LogOutput::to_file(settings.file_path);
    if (!output) return output.error();
    return start(std::move(settings), *std::move(output));
}

std::unique_ptr<LogWriter> LogWriter::start(LogWriterSettings settings, LogOutput output) {
    std::unique_ptr<LogWriter> writer(new LogWriter);  // NOLINT: the constructor is private
    writer->state_ = std::make_unique<State>(std::move(settings), std::move(output));

    // Signals are for other threads; here they would only cut writes short, and a pipe whose
    // reader left would end the process with SIGPIPE.
    writer->state_->thread =
        quiet_thread("mesh-log", [state = writer->state_.get()] { state->run(); });
    return writer;
}

LogWriter::~LogWriter() {
    end();
}

void LogWriter::end() {
    if (!state_) return;
    {
        const std::lock_guard lock(state_->mutex);
        state_->stop_by = steady_clock::now() + stop_time;
    }
    state_->wake.notify_one();
    if (state_->thread.joinable()) state_->thread.join();
}

LogRing& LogWriter::add_ring(std::size_t slots) {
    auto ring = std::make_unique<LogRing>(slots);
    LogRing& added = *ring;
    const std::lock_guard lock(state_->mutex);
    state_->rings.push_back(std::move(ring));
    return added;
}

void LogWriter::reopen() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->reopen_asked = true;
    }
    state_->wake.notify_one();
}

void LogWriter::use(LogWriterSettings settings, LogOutput output) {
    {
        const std::lock_guard lock(state_->mutex);
        state_->chosen_anew.emplace(std::move(settings), std::move(output));
    }
    state_->wake.notify_one();
}

}  // namespace mesh::observe
