#pragma once
#include "base/result.hpp"
#include "model/providers.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::providers {

/// Bounds of what an agent may tell. More is an error: a part of it would look like the whole.
inline constexpr std::size_t consul_services_max = 20'000;
inline constexpr std::size_t consul_instances_max = 20'000;  ///< of one service
inline constexpr std::size_t consul_tags_max = 50'000;       ///< of one service or instance
inline constexpr std::size_t consul_checks_max = 10'000;     ///< of one instance

inline constexpr std::size_t consul_checks_in_state_max = 50'000;

/// Every service by name, with the tags of all its instances.
using ConsulCatalog = std::map<std::string, std::vector<std::string>, std::less<>>;

/// A registered server of a service.
struct ConsulInstance {
    std::string id;
    std::string node;
    std::string address;     ///< the service's, else the node's; empty: none is registered
    std::uint16_t port = 0;  ///< 0: none
    std::vector<std::string> tags;
    /// The worst of its checks, those of its node included. A state that is not known counts as
    /// critical, and so does maintenance. Without checks it is passing.
    model::CheckStatus status = model::CheckStatus::passing;
    /// "connect-proxy", "mesh-gateway", ...: of Consul's service mesh; empty: an ordinary server.
    std::string kind{};
    bool operator==(const ConsulInstance&) const = default;
};

/// A check in the answer to /v1/health/state/STATE.
struct ConsulCheck {
    std::string node;
    std::string id;
    std::string service;      ///< name; empty: of the node
    std::uint64_t index = 0;  ///< grows whenever the check changes
    auto operator<=>(const ConsulCheck&) const = default;
};

/// The answer to /v1/catalog/services. Errors (invalid, limit): not such an answer; the message
/// names the member at fault.
[[nodiscard]] Result<ConsulCatalog> read_consul_catalog(std::string_view json);

/// The answer to /v1/health/service/NAME, sorted by node and ID. Errors as above. Members that
/// nobody reads may be anything.
[[nodiscard]] Result<std::vector<ConsulInstance>> read_consul_instances(std::string_view json);

/// The answer to /v1/health/state/STATE. Errors as above.
[[nodiscard]] Result<std::set<ConsulCheck>> read_consul_checks(std::string_view json);

}  // namespace mesh::providers
