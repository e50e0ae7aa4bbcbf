#pragma once
#include "config/labels.hpp"
#include "model/providers.hpp"
#include "providers/docker_container.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mesh::providers {

/// What a provider has to know of a container's labels; what else they mean is config's business.
struct DockerLabels {
    /// Those that begin with a prefix.
    std::vector<config::Label> own;
    /// Of those, what they say of routers and services: without `enable` and `docker.network`.
    std::vector<std::pair<std::string, std::string>> said;
    /// `<prefix>.enable`. One that cannot be read counts as wanted: config tells what is wrong.
    std::optional<bool> enable;
    std::string network;  ///< `<prefix>.docker.network`; may be empty
    /// Whether something is named after the container: a service that the labels do not name, or
    /// the router of the default rule.
    bool mean_own_name = false;
    /// Whether a router has no rule of its own.
    bool lack_rule = false;
    /// The first service or router the labels name, by key; empty: there is none.
    std::string first_name;
};

/// `has_default_rule`: a container that names no router gets one by itself.
[[nodiscard]] DockerLabels read_docker_labels(const Container& container,
                                              const std::vector<std::string>& prefixes,
                                              bool has_default_rule);

/// Whether the provider's options and the container's labels let it be served, running or not.
[[nodiscard]] bool is_wanted_by_labels(const Container& container,
                                       const model::DockerProvider& settings);

}  // namespace mesh::providers
