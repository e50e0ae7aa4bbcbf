#pragma once
#include <string>

namespace mesh::app {

/// Exit codes of `mesh run` that service managers may rely on.
namespace exit_code {
inline constexpr int stopped = 0;
inline constexpr int configuration = 1;
inline constexpr int usage = 2;
inline constexpr int bind = 3;
inline constexpr int store = 4;
}  // namespace exit_code

/// Runs the proxy in the foreground until it is told to stop; returns the exit code. `last_good`:
/// where the file is invalid, on the configuration applied last, which the store keeps.
[[nodiscard]] int run(const std::string& config_path, bool last_good);

}  // namespace mesh::app
