#pragma once
#include "base/log.hpp"
#include "base/result.hpp"
#include "observe/log_output.hpp"

#include <memory>
#include <string>

namespace mesh::observe {

enum class Format { common, json };

struct LogWriterSettings {
    Format format = Format::common;
    std::string file_path;        ///< opened anew at reopen(); empty: a standard stream
    bool journal_prefix = false;  ///< "<6>" before each line, for journald
};

/// The one thread that formats and writes log lines. Producers write into rings; an output that
/// does not take bytes makes it drop lines and count them, never wait for ever: serving goes on.
class LogWriter {
 public:
    /// Errors: the file cannot be opened.
    [[nodiscard]] static Result<std::unique_ptr<LogWriter>> start(LogWriterSettings settings);
    /// `output` is what `settings` name.
    [[nodiscard]] static std::unique_ptr<LogWriter> start(LogWriterSettings settings,
                                                          LogOutput output);
    ~LogWriter();  ///< end()

    /// A ring drained by this writer, living as long as it. Call before the producer starts.
    LogRing& add_ring(std::size_t slots = 512);
    /// Opens the file anew (SIGUSR1).
    void reopen();
    /// Writes what is queued (at most one second) and ends the thread. What is logged after that is
    /// lost.
    void end();
    /// What is logged from now on goes to `output`, which is what `settings` name, in that form.
    void use(LogWriterSettings settings, LogOutput output);

 private:
    LogWriter();
    struct State;
    std::unique_ptr<State> state_;
};

/// One line without its newline. Values are quoted when needed, control bytes and invalid UTF-8
/// escaped as \xHH, so that network bytes can never forge a line.
[[nodiscard]] std::string format_line(const LogRecord& record, Format format, bool journal_prefix);

}  // namespace mesh::observe
