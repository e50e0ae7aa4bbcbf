#pragma once
#include "config/inventory.hpp"
#include "model/providers.hpp"
#include "providers/docker_container.hpp"

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::providers {

/// Something of a container that its owner should know; told once, not at every look.
struct DockerNotice {
    std::string container;  ///< its name
    std::string event;      ///< for the log
    std::string message;    ///< constant text
    std::string detail;     ///< the network or the like; from the daemon, to be made printable
    auto operator<=>(const DockerNotice&) const = default;
};

/// How long a chain of containers that use each other's network may be.
inline constexpr std::size_t docker_network_chain_max = 8;

/// The ID or name of the container whose network this one uses; empty: it has its own.
[[nodiscard]] std::string_view docker_network_owner(const Container& container);

/// Finds out where containers can be reached.
class DockerAddresses {
 public:
    /// `containers`: those that may own another one's network too. They outlive this.
    DockerAddresses(std::span<const Container* const> containers,
                    const model::DockerProvider& settings,
                    std::vector<DockerNotice>& notices);

    /// The container as a server. `network`: what its label says; the provider's or the first one
    /// where it is not in that. Without an address the host is empty.
    [[nodiscard]] config::Instance instance(const Container& container,
                                            const std::string& network) const;

 private:
    [[nodiscard]] const Container* owner(const Container& container) const;
    [[nodiscard]] std::string host(const Container& container,
                                   const Container& owner,
                                   const std::string& network) const;
    void add_published(const Container& container,
                       const Container& owner,
                       config::Instance& out) const;
    void notice(const Container& container,
                std::string event,
                std::string message,
                std::string detail = {}) const;

    std::map<std::string, const Container*, std::less<>> by_id_or_name_;
    const model::DockerProvider& settings_;
    std::vector<DockerNotice>& notices_;
};

}  // namespace mesh::providers
