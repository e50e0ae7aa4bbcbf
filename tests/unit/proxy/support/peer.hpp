#pragma once
// The ends of a proxied connection, as blocking sockets with a time limit.
#include "proxy/file_descriptor.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace mesh::test {

using proxy::FileDescriptor;

/// Longer than anything takes, shorter than a test run.
inline constexpr std::chrono::seconds patience{20};

/// Looks until `condition` holds; false when patience ends.
bool eventually(const std::function<bool()>& condition);

/// How the peer ended its side.
enum class Ending { orderly, reset, none };

class Peer {
 public:
    explicit Peer(FileDescriptor fd);
    static Peer connect_to(std::uint16_t port, const char* source = nullptr);

    /// False when the connection is gone.
    bool send(std::string_view bytes);
    /// Exactly `count` bytes, or fewer when the peer ended or patience did.
    std::string receive(std::size_t count);
    /// Everything up to the end.
    std::string receive_all();
    /// After receive_all or a short receive.
    [[nodiscard]] Ending ending() const { return ending_; }
    void finish_sending();
    /// Closes with a reset.
    void reset();
    void close() { fd_.reset(); }
    void limit_receive_buffer(int bytes);
    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] FileDescriptor release() { return std::move(fd_); }

 private:
    FileDescriptor fd_;
    Ending ending_ = Ending::none;
};

/// A server on an ephemeral port of 127.0.0.1; one thread per connection runs the handler.
class Backend {
 public:
    using Handler = std::function<void(Peer)>;
    explicit Backend(Handler handler);
    ~Backend();
    Backend(const Backend&) = delete;
    Backend& operator=(const Backend&) = delete;

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::size_t accepted() const { return accepted_; }

    /// Sends back what comes, and ends when the client does.
    static void echo(Peer peer);
    /// Says `name` at once, then echoes.
    static Handler greeter(std::string name);

 private:
    void accept_loop();
    FileDescriptor listener_;
    std::uint16_t port_ = 0;
    Handler handler_;
    std::atomic<std::size_t> accepted_{0};
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

/// True if an echo comes back: the client has reached the server.
bool reaches(Peer& client);

/// A port of 127.0.0.1 on which nobody listens.
std::uint16_t closed_port();

/// `count` bytes that differ from place to place and from seed to seed.
std::string pattern(std::size_t count, unsigned seed);

/// Whether somebody listens on this port of 127.0.0.1.
bool can_connect(std::uint16_t port);

}  // namespace mesh::test
