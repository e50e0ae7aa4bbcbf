#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mesh::proxy {

/// Whose doing the end of a connection was.
enum class Cause : std::uint8_t {
    none,      ///< nobody's: all that was to be said was said
    client,    ///< it left, broke the rules, or asked for what there is not
    timeout,   ///< the client did not do its part in time, or neither side anything
    server,    ///< no server could be reached, or the one that was broke off
    proxy,     ///< something of mesh's own, or of its configuration
    shutdown,  ///< mesh stops
};
inline constexpr std::size_t causes = 6;

[[nodiscard]] constexpr std::string_view to_string(Cause cause) {
    constexpr std::array<std::string_view, causes> names{
        "none", "client", "timeout", "server", "proxy", "shutdown"};
    return names[static_cast<std::size_t>(cause)];
}

}  // namespace mesh::proxy
