#pragma once
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "model/configuration.hpp"
#include "proxy/server_state.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mesh::proxy {

/// A server that is asked again and again whether it is up.
struct CheckedServer {
    std::string service;
    model::Server server;
    model::HealthCheck check;
    std::optional<model::ProxyVersion> proxy_protocol;  ///< it expects such a header
    std::shared_ptr<ServerState> state;                 ///< which is told
};

/// Looks whether servers are up, on one thread of its own, which there is only once a server is to
/// be looked at: a first look at once, then in the interval of each. What the looks come to is
/// HealthVerdict's; either turn is logged once. A service has at most half of the places, and less
/// while others have looks that take long: see LookOrder.
///
/// Public functions are thread-safe and do not wait.
class HealthChecks {
 public:
    static constexpr std::size_t at_once_max = 128;
    struct Settings {
        /// Looks at once, each with a descriptor; the others wait for their turn.
        std::size_t at_once = at_once_max;
        std::uint64_t seed = 0;  ///< of how looks are spread over the interval
    };

    explicit HealthChecks(Log& log) : HealthChecks(log, Settings{}) {}
    HealthChecks(Log& log, const Settings& settings);
    /// Ends the thread; what was down is left so.
    ~HealthChecks();
    HealthChecks(const HealthChecks&) = delete;
    HealthChecks& operator=(const HealthChecks&) = delete;

    /// These and no others from now on; what was found of those that stay goes on. One that is
    /// looked at no more is up. Fails when there is no thread to look with.
    [[nodiscard]] Status set_servers(std::vector<CheckedServer> servers);
    /// As DataPlane::set_addresses().
    void set_addresses(const std::string& host, const std::vector<std::string>& ip_literals);
    /// No look begins any more, whatever servers are set; what was down is left so.
    void stop();

 private:
    struct State;
    const std::unique_ptr<State> state_;
};

}  // namespace mesh::proxy
