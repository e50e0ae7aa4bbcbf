#pragma once
#include "http/client.hpp"
#include "model/providers.hpp"

#include <string>
#include <string_view>

namespace mesh::providers {

/// A GET of `path` ("/events?…") at the daemon, never by a proxy of the environment.
[[nodiscard]] http::Request get(const model::ProviderEndpoint& endpoint, std::string_view path);

/// "unix:///var/run/docker.sock", "https://consul.internal:8501": for messages.
[[nodiscard]] std::string describe(const model::ProviderEndpoint& endpoint);

}  // namespace mesh::providers
