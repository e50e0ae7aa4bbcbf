#pragma once
#include "base/result.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace mesh::observe {

/// A descriptor that takes log lines, and that is never waited for longer than asked: a pipe
/// nobody reads answers would_block. The flags of a standard error that is shared with a shell or
/// other processes stay as they are.
class LogOutput {
 public:
    enum class Outcome {
        written,
        would_block,  ///< nothing of it was written
        failed,       ///< the rest of it is lost: no space, a closed pipe
    };

    /// Errors: the file cannot be opened. It is created 0640 less the umask (run: 0600); appended
    /// to, never cut.
    [[nodiscard]] static Result<LogOutput> to_file(const std::string& path);
    [[nodiscard]] static LogOutput to_stderr();
    [[nodiscard]] static LogOutput to_stdout();

    LogOutput(LogOutput&& other) noexcept;
    LogOutput& operator=(LogOutput&& other) noexcept;
    LogOutput(const LogOutput&) = delete;
    LogOutput& operator=(const LogOutput&) = delete;
    ~LogOutput();

    /// Writes a prefix of `lines` that ends at a line's end, as much as the descriptor takes at
    /// once, and cuts it off. `wait` bounds how long to wait for room.
    Outcome write(std::string_view& lines, std::chrono::milliseconds wait);

 private:
    enum class Kind { file, stream, socket };

    LogOutput(int descriptor, Kind kind, bool owned)
        : descriptor_(descriptor), kind_(kind), owned_(owned) {}
    static LogOutput around(int descriptor, bool owned);
    static LogOutput to_standard(int descriptor);
    [[nodiscard]] bool has_room(std::chrono::milliseconds wait) const;
    [[nodiscard]] std::string_view next_piece(std::string_view lines) const;
    Outcome finish_piece(std::string_view rest);

    int descriptor_;
    Kind kind_;
    bool owned_;
    /// The last line written has lost its end; the next one starts with a newline.
    bool torn_ = false;
};

}  // namespace mesh::observe
