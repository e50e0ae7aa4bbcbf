#pragma once
#include "base/bytes.hpp"
#include "proxy/event_loop.hpp"

#include <cstdint>
#include <span>

namespace mesh::proxy {

/// How a read or a write ended.
enum class Io {
    ok,
    blocked,  ///< not now; the descriptor's mark is cleared and an event will come
    end,      ///< the peer has ended its side in good order
    broken,   ///< reset, timed out, or ended without saying so
};

/// Reads what is there, once. `ok` comes with count > 0. Makes no system call while the descriptor
/// is not marked readable.
[[nodiscard]] Io receive(Descriptor& socket, std::span<std::uint8_t> into, std::size_t& count);

/// Like receive(), but what is read stays where it is, and the mark stays while there is something:
/// who waits for more clears it, and an event comes when there is more than was seen.
[[nodiscard]] Io look_ahead(Descriptor& socket, std::span<std::uint8_t> into, std::size_t& count);

/// Writes what the kernel takes, once. `ok` comes with count > 0, maybe less than asked.
[[nodiscard]] Io transmit(Descriptor& socket, ByteView bytes, std::size_t& count);

/// True when the peer has sent bytes nobody has read, or the connection is broken; false when there
/// is nothing for now, or only its end.
[[nodiscard]] bool has_unread(const Descriptor& socket);

/// True when the connection is found to be broken, which the descriptor knows from then on.
[[nodiscard]] bool is_broken(Descriptor& socket);

/// What was written and the peer's system has not acknowledged yet, in bytes; a FIN counts as one.
[[nodiscard]] std::size_t unacknowledged(const Descriptor& socket);

/// Sends a FIN; what the peer still sends can be read.
[[nodiscard]] Io finish_sending(Descriptor& socket);

}  // namespace mesh::proxy
