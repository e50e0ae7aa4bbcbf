#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace mesh::app {

/// Where the control socket of a mesh on the store at `storage` is made: in the folder systemd
/// gives for such things ($RUNTIME_DIRECTORY, a list with colons), else beside the store. `storage`
/// need not exist: a configuration without resolvers has a place for its store too.
struct ControlPaths {
    std::string socket;
    std::string
        link;  ///< leads to `socket`, for commands that do not have its folder's name; empty
};
[[nodiscard]] ControlPaths control_paths(const std::string& storage,
                                         std::string_view runtime_directory);

/// Where the service unit's socket is, for commands that do not have the service's environment.
inline constexpr std::string_view service_socket = "/run/mesh/mesh.sock";

/// Where a command looks for it, in this order. The last one is a guess that costs nothing: a
/// process answers only who asks about its own configuration file.
[[nodiscard]] std::vector<std::string> control_candidates(const std::string& storage,
                                                          std::string_view runtime_directory);

/// $RUNTIME_DIRECTORY, or empty.
[[nodiscard]] std::string runtime_directory();

}  // namespace mesh::app
