#include "proxy/middleware.hpp"

#include <algorithm>
#include <cstring>

namespace mesh::proxy {

std::size_t InFlight::HashClient::operator()(const IpAddress::Bytes& client) const noexcept {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::memcpy(&high, client.data(), sizeof high);
    std::memcpy(&low, client.data() + sizeof high, sizeof low);
    // Fibonacci hashing, so that neighbours do not share a shard.
    return (high * 31 + low) * 0x9e3779b97f4a7c15ULL;
}

InFlight::Shard& InFlight::shard_of(const IpAddress::Bytes& client) {
    return shards_[HashClient{}(client) >> 60];
}

std::optional<InFlight::Place> InFlight::enter(const IpAddress::Bytes& client, std::size_t max) {
    Shard& shard = shard_of(client);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.open.try_emplace(client, 0).first;
    if (found->second >= max) {
        if (found->second == 0) shard.open.erase(found);
        return std::nullopt;
    }
    ++found->second;
    return Place(shared_from_this(), client);
}

void InFlight::leave(const IpAddress::Bytes& client) noexcept {
    Shard& shard = shard_of(client);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.open.find(client);
    if (found != shard.open.end() && --found->second == 0) shard.open.erase(found);
}

std::size_t InFlight::count(const IpAddress::Bytes& client) {
    Shard& shard = shard_of(client);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.open.find(client);
    return found != shard.open.end() ? found->second : 0;
}

namespace {

bool lists(const Middleware& middleware, const IpAddress& client) {
    const auto& ranges = middleware.source_range;
    return ranges.empty() || std::any_of(ranges.begin(), ranges.end(), [&](const IpNetwork& range) {
               return range.contains(client);
           });
}

bool lets_through(const Middleware& middleware, const IpAddress::Bytes& client, Places& places) {
    if (!lists(middleware, IpAddress(client))) return false;
    if (!middleware.in_flight) return true;
    auto place = middleware.in_flight->enter(client, middleware.in_flight_max);
    if (!place) return false;
    places.push_back(std::move(*place));
    return true;
}

}  // namespace

const Middleware* first_refusing(const std::vector<MiddlewarePtr>& middlewares,
                                 const IpAddress::Bytes& client,
                                 Places& places) {
    Places taken;
    for (const MiddlewarePtr& middleware : middlewares)
        if (!lets_through(*middleware, client, taken)) return middleware.get();
    std::move(taken.begin(), taken.end(), std::back_inserter(places));
    return nullptr;
}

bool lists_client(const std::vector<MiddlewarePtr>& middlewares, const IpAddress::Bytes& client) {
    const IpAddress address(client);
    return std::all_of(
        middlewares.begin(), middlewares.end(), [&](const MiddlewarePtr& middleware) {
            return lists(*middleware, address);
        });
}

}  // namespace mesh::proxy
