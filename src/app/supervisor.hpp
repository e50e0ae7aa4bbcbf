#pragma once
#include "base/log.hpp"
#include "base/result.hpp"
#include "proxy/file_descriptor.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace mesh::app {

/// What a service manager that watches this process asks for, in its environment.
struct SupervisorSettings {
    std::string socket;  ///< $NOTIFY_SOCKET: a path, or an abstract name after '@'; empty: nobody
    std::optional<std::chrono::microseconds> watchdog;  ///< $WATCHDOG_USEC, when it means us
};

/// Takes the variables out of the environment, so that no child of ours speaks in our name. Call
/// before there is a second thread.
[[nodiscard]] SupervisorSettings take_supervisor_settings();

/// Tells the service manager how the process is: sd_notify(3)'s protocol, one datagram each. Does
/// nothing where nobody listens. A word that does not get through within a second is lost; that is
/// logged once.
class Supervisor {
 public:
    Supervisor(SupervisorSettings settings, Log& log);

    /// Up, or up again after reloading(). `status` is one line for people, as in the others.
    void ready(std::string_view status);
    /// The configuration is being read again; ready() ends that, whatever came of it.
    void reloading();
    void stopping(std::string_view status);
    void status(std::string_view text);
    /// Feeds the watchdog.
    void alive();
    /// Another process is the service from here on; nothing else is told any more, which is its
    /// affair, but alive() until this is. False: not yet, since too much is waiting to be heard.
    /// Then it is to be called again, and does not wait; this process must not end before, which
    /// would count as the service's end. True also where nobody listens.
    bool hand_over(pid_t successor);

    /// What that other process finds in its environment to be watched as this one is: NAME=value.
    [[nodiscard]] std::vector<std::string> environment() const;

    /// Whether a service manager hears who the service is.
    [[nodiscard]] bool is_watched() const { return !settings_.socket.empty(); }
    [[nodiscard]] std::optional<std::chrono::microseconds> watchdog() const {
        return settings_.watchdog;
    }

 private:
    void tell(std::string_view text);
    /// False: it is worth another try.
    bool send(std::string_view text, int flags);

    SupervisorSettings settings_;
    Log& log_;
    proxy::FileDescriptor socket_;
    bool failure_told_ = false;
    bool hands_over_ = false;
};

}  // namespace mesh::app
