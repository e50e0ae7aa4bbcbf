#pragma once
#include "proxy/socket_address.hpp"

#include <atomic>
#include <cstdint>
#include <vector>

namespace mesh::proxy {

/// Which address of a server's name has passed its health check, so that clients come to no other
/// machine than was asked. Written by the thread of the checks, read by the workers; nobody waits.
class ProvenAddress {
 public:
    enum class Others {
        later,  ///< what was asked is whether it accepts: a dial finds that out too
        never,  ///< they have not given the answer that is expected
    };
    /// Its port does not matter.
    void set(const SocketAddress& address, Others others);
    void forget() { mark_.store(0, std::memory_order_relaxed); }
    /// Puts it first, or leaves it alone. Where it is not among them all stay as they are: the name
    /// has other addresses since, at which the next look is due.
    void apply(std::vector<SocketAddress>& addresses) const;

 private:
    static constexpr std::uint64_t never_others = 1;
    static constexpr std::uint64_t is_set = 2;
    /// A hash of the address, then the two bits.
    std::atomic<std::uint64_t> mark_{0};
};

}  // namespace mesh::proxy
