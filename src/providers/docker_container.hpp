#pragma once
#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mesh::providers {

/// A container as the Engine API shows it: what a provider has to know of one.
struct Container {
    /// `none`: it has no health check.
    enum class Health { none, starting, healthy, unhealthy };
    /// In one network; either may be empty.
    struct Addresses {
        std::string v4;
        std::string v6;
        bool operator==(const Addresses&) const = default;
    };
    /// A TCP port of the container that is a port of the daemon's host too.
    struct PublishedPort {
        std::uint16_t port = 0;
        std::string host_ip;  ///< may be empty, "0.0.0.0" or "::": every address
        std::uint16_t host_port = 0;
        auto operator<=>(const PublishedPort&) const = default;
    };

    std::string id;
    std::string name;                                         ///< without the slash; never empty
    std::vector<std::pair<std::string, std::string>> labels;  ///< by key
    bool running = false;                                     ///< and not about to be restarted
    Health health = Health::none;
    std::string network_mode;  ///< "host", "bridge", "container:ID", …
    std::map<std::string, Addresses> networks;
    std::set<std::uint16_t> exposed;    ///< TCP ports
    std::set<PublishedPort> published;  ///< by port
    bool operator==(const Container&) const = default;

    /// The value of a label, or empty.
    [[nodiscard]] std::string_view label(std::string_view key) const;
};

/// Bounds of what a daemon may say.
inline constexpr std::size_t containers_max = 100'000;
inline constexpr std::size_t container_list_size_max = std::size_t{64} << 20;
inline constexpr std::size_t container_size_max = std::size_t{4} << 20;

/// "healthy", "starting", "unhealthy"; any other word is `none`.
[[nodiscard]] Container::Health docker_health(std::string_view word);

/// Whether it can be the ID of a container: letters, digits, '_' and '-', at most 128, so that it
/// may become part of a URL's path.
[[nodiscard]] bool is_container_id(std::string_view id);

/// The answer to GET /containers/json. Members that are not known are passed over. Errors
/// (invalid): one that is needed has another type, or is missing; (limit): more than
/// `containers_max`.
[[nodiscard]] Result<std::vector<Container>> parse_container_list(std::string_view body);

/// The answer to GET /containers/ID/json. Errors as above.
[[nodiscard]] Result<Container> parse_container(std::string_view body);

}  // namespace mesh::providers
