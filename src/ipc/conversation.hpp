#pragma once
#include "base/clock.hpp"
#include "ipc/descriptor.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace mesh::ipc {

/// How long each part of a conversation may take, and how much a request may hold.
struct Bounds {
    std::size_t request_max = std::size_t{1} << 20;
    std::chrono::milliseconds read_timeout{10'000};    ///< until a request is whole
    std::chrono::milliseconds answer_timeout{60'000};  ///< until it is answered
    std::chrono::milliseconds write_timeout{10'000};   ///< until the client has taken the answer
};

/// The server's end of one connection: takes a line, waits for its answer, gives it, and again.
/// Never waits itself: `on_ready` is called when the descriptor is ready for what `events` said.
class Conversation {
 public:
    Conversation(std::uint64_t id, Descriptor fd, const Bounds& bounds, SteadyTime now);

    enum class Turn { reading, answering, writing, over };

    [[nodiscard]] std::uint64_t id() const { return id_; }
    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] Turn turn() const { return turn_; }
    /// What to poll for.
    [[nodiscard]] short events() const;
    /// When the turn has lasted too long: end it.
    [[nodiscard]] SteadyTime deadline() const { return deadline_; }

    /// Reads or writes what goes without waiting. Gives a request when one is whole.
    [[nodiscard]] std::optional<std::string> on_ready(SteadyTime now);
    /// The answer to the last request: one line without its end. `last`: nothing more is read.
    void answer(std::string line, bool last, SteadyTime now);
    void end() { turn_ = Turn::over; }

 private:
    void read(SteadyTime now);
    void write(SteadyTime now);
    [[nodiscard]] std::optional<std::string> take_line(SteadyTime now);

    std::uint64_t id_;
    Descriptor fd_;
    const Bounds& bounds_;
    Turn turn_ = Turn::reading;
    SteadyTime deadline_;
    std::string in_;
    std::size_t searched_ = 0;  ///< of in_, no line ends there
    std::string out_;
    std::size_t written_ = 0;
    bool last_ = false;
};

/// A line that says why nothing else is said; `code` and `message` need no escaping.
[[nodiscard]] std::string error_line(const std::string& code, const std::string& message);

}  // namespace mesh::ipc
