#pragma once
#include "base/result.hpp"
#include "base/secret.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::ipc {

/// A listening socket whose descriptor comes with the message.
struct PassedSocket {
    std::string name;       ///< the entry point's, or what a service manager calls it
    bool any_port = false;  ///< the entry point asked for port 0
    /// A service manager has it too, and goes on having it: the address cannot be bound.
    bool kept = false;
    bool operator==(const PassedSocket&) const = default;
};

/// What a mesh that serves (the old one) and the one that is to replace it (the new one) say to
/// each other, one datagram each; docs/upgrade.md tells the conversation. Unknown keys are skipped,
/// so that either may be a newer version.
struct UpgradeMessage {
    enum class Kind {
        offer,           ///< old: who I am, what else there is
        sockets,         ///< old: some of the sockets, as many descriptors with it
        store_wanted,    ///< new: the configuration is valid, and names a store
        store_released,  ///< old: nothing writes to it any more
        ready,           ///< new: bound and loaded; accepts nothing yet
        commit,          ///< old: serve
        serving,         ///< new: accepts
        failed,          ///< new: it will not be, and why
    };
    Kind kind = Kind::offer;
    std::string version;  ///< offer: of the program that sends
    Secret ticket_keys;   ///< offer; empty: none
    /// offer: until the new process is to be ready; zero: not said. At most a day.
    std::chrono::milliseconds ready_within{0};
    std::vector<PassedSocket> sockets;  ///< sockets
    bool last = false;                  ///< sockets: there are no more
    std::string reason;                 ///< failed: one line
    std::vector<std::string> findings;  ///< failed: what is wrong with the configuration
};

/// More would not fit into what the kernel passes at once.
inline constexpr std::size_t passed_sockets_max = 64;
inline constexpr std::size_t upgrade_message_max = std::size_t{128} << 10;

/// Findings are cut where there would be too many or too much of them.
[[nodiscard]] std::string encode(const UpgradeMessage& message);
/// Errors: invalid, limit; unsupported: the offer of a version that speaks another protocol.
[[nodiscard]] Result<UpgradeMessage> decode_upgrade_message(std::string_view text);

[[nodiscard]] std::string_view to_string(UpgradeMessage::Kind kind);

}  // namespace mesh::ipc
