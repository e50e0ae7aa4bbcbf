#include "proxy/proven_address.hpp"

#include <algorithm>

namespace mesh::proxy {
namespace {

/// FNV-1a of 64 bits, without the lowest two.
std::uint64_t hash_of(const SocketAddress& address) {
    std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
    for (const std::uint8_t byte : address.ip()) hash = (hash ^ byte) * 0x100'0000'01b3;
    return hash & ~std::uint64_t{3};
}

}  // namespace

void ProvenAddress::set(const SocketAddress& address, Others others) {
    const std::uint64_t mark =
        hash_of(address) | is_set | (others == Others::never ? never_others : 0);
    mark_.store(mark, std::memory_order_relaxed);
}

void ProvenAddress::apply(std::vector<SocketAddress>& addresses) const {
    const std::uint64_t mark = mark_.load(std::memory_order_relaxed);
    if (mark == 0 || addresses.size() < 2) return;
    const auto proven =
        std::find_if(addresses.begin(), addresses.end(), [&](const SocketAddress& one) {
            return hash_of(one) == (mark & ~std::uint64_t{3});
        });
    if (proven == addresses.end()) return;
    std::rotate(addresses.begin(), proven, proven + 1);
    if ((mark & never_others) != 0) addresses.resize(1);
}

}  // namespace mesh::proxy
