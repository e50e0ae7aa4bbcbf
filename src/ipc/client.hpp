#pragma once
#include "base/result.hpp"
#include "ipc/descriptor.hpp"

#include <chrono>
#include <string>

namespace mesh::ipc {

/// The client's end of a control socket. Blocking, each step with a deadline.
class Client {
 public:
    /// Errors: not_found (nobody listens there), permission, io.
    [[nodiscard]] static Result<Client> connect(const std::string& path);

    /// Sends one line (without its end) and waits for the one that answers it, at most `answer_max`
    /// bytes. After an error the connection is of no use. Errors: timeout, closed, limit, io.
    [[nodiscard]] Result<std::string> ask(const std::string& line,
                                          std::chrono::milliseconds timeout);

    static constexpr std::size_t answer_max = std::size_t{64} << 20;

 private:
    explicit Client(Descriptor fd) : fd_(std::move(fd)) {}
    [[nodiscard]] Status send(const std::string& text, std::chrono::steady_clock::time_point end);
    [[nodiscard]] Status wait_for(short events, std::chrono::steady_clock::time_point end) const;

    Descriptor fd_;
    std::string rest_;  ///< received behind the last line
};

}  // namespace mesh::ipc
