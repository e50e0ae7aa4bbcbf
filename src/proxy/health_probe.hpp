#pragma once
#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "proxy/file_descriptor.hpp"
#include "proxy/socket_address.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace mesh::proxy {

/// One look whether a server is up: a connection, on which something may be said and an answer be
/// waited for. Blocks never: who owns it polls its descriptor and calls advance(). One thread.
class HealthProbe {
 public:
    struct Dialogue {
        std::vector<SocketAddress> addresses;  ///< tried in turn; one that answers is enough
        Bytes say;                             ///< ahead of anything else
        Bytes hear;  ///< what the answer has to begin with; empty: nothing
    };
    enum class State {
        running,
        passed,
        failed,
        undecided,  ///< no address, or no descriptor or memory for it: nothing was learned
    };

    /// The addresses share the time until `deadline`.
    HealthProbe(Dialogue dialogue, SteadyTime now, SteadyTime deadline);

    /// What has come of it, after `events` (of poll) or at the time of wake_at().
    State advance(SteadyTime now, short events);

    /// Valid while it runs.
    [[nodiscard]] int fd() const { return socket_.get(); }
    [[nodiscard]] short wanted_events() const;
    [[nodiscard]] SteadyTime wake_at() const { return attempt_deadline_; }
    [[nodiscard]] bool has_addresses() const { return !dialogue_.addresses.empty(); }
    /// Where it passed.
    [[nodiscard]] const SocketAddress& address() const {
        return dialogue_.addresses.at(next_address_ - 1);
    }
    /// Why it failed, or is undecided; nothing of what the server said.
    [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
    [[nodiscard]] State begin_next(SteadyTime now);
    [[nodiscard]] State fail_here(SteadyTime now, std::string reason);
    [[nodiscard]] State talk(SteadyTime now);
    [[nodiscard]] State listen(SteadyTime now);

    const Dialogue dialogue_;
    const SteadyTime deadline_;
    SteadyTime attempt_deadline_;
    std::size_t next_address_ = 0;
    FileDescriptor socket_;
    bool connected_ = false;
    std::size_t said_ = 0;
    std::size_t heard_ = 0;
    std::string reason_;
    State state_ = State::running;
};

}  // namespace mesh::proxy
