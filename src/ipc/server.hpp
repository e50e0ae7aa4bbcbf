#pragma once
#include "base/clock.hpp"
#include "base/log.hpp"
#include "ipc/bound_socket.hpp"
#include "ipc/conversation.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <sys/types.h>
#include <thread>

namespace mesh::ipc {

/// Gives the answer to one request: one line without its end. Thread-safe; the first call counts,
/// and one that comes when the client or the server is gone does nothing.
using Reply = std::function<void(std::string line)>;
/// Takes a request: a line without its end, bytes as they came. Called on the server's thread, so
/// it hands the work on and returns. A request that is never answered ends with its time.
using Handler = std::function<void(std::string request, Reply reply)>;

struct ServerSettings {
    std::size_t connections_max = 16;
    Bounds bounds;
    /// Who may speak; everybody else is told so and let go.
    std::function<bool(uid_t)> allows;
};

/// True for root and for the user this process runs as.
[[nodiscard]] bool is_us_or_root(uid_t peer);

/// Answers on a control socket: one line for each line, on one thread of its own. Slow, silent and
/// dead clients cost the thread nothing but their place, which they lose to a newer client when
/// there is no other, and in any case with their time. Requests of one connection are answered one
/// after the other.
class Server {
 public:
    /// `clock` and `log` outlive the server.
    Server(
        BoundSocket socket, ServerSettings settings, Handler handler, const Clock& clock, Log& log);
    /// Ends all conversations and the thread.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    [[nodiscard]] const std::string& path() const { return socket_.path(); }
    /// Whether the path still leads here.
    [[nodiscard]] bool is_found() const { return socket_.is_there(); }

 private:
    struct Mailbox;
    void run();
    [[nodiscard]] bool turn();
    [[nodiscard]] int wait_milliseconds() const;
    [[nodiscard]] bool may_accept() const;
    void accept();
    void make_room();
    void deliver_answers();
    void serve(Conversation& conversation);
    void sweep();

    BoundSocket socket_;
    ServerSettings settings_;
    Handler handler_;
    const Clock& clock_;
    Log& log_;
    std::shared_ptr<Mailbox> mailbox_;
    std::map<std::uint64_t, Conversation> conversations_;
    std::uint64_t next_id_ = 1;
    SteadyTime accept_after_{};
    std::thread thread_;
};

}  // namespace mesh::ipc
