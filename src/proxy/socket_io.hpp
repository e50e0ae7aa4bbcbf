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

/// Writes what the kernel takes, once. `ok` comes with count > 0, maybe less than asked.
[[nodiscard]] Io transmit(Descriptor& socket, ByteView bytes, std::size_t& count);

/// Sends a FIN; what the peer still sends can be read.
[[nodiscard]] Io finish_sending(Descriptor& socket);

}  // namespace mesh::proxy
