#pragma once
#include "base/ip_network.hpp"
#include "proxy/admission.hpp"
#include "proxy/server_state.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mesh::proxy {

/// How many connections each client has open, exact over all workers. Thread-safe. Holds those
/// clients only that have any, and lives as long as one of them.
class InFlight : public std::enable_shared_from_this<InFlight> {
 public:
    /// One connection's place; given back when destroyed.
    class Place {
     public:
        Place(Place&& other) noexcept = default;
        Place& operator=(Place&& other) noexcept {
            std::swap(owner_, other.owner_);
            std::swap(client_, other.client_);
            return *this;
        }
        ~Place() {
            if (owner_) owner_->leave(client_);
        }

     private:
        friend class InFlight;
        Place(std::shared_ptr<InFlight> owner, const IpAddress::Bytes& client)
            : owner_(std::move(owner)), client_(client) {}
        std::shared_ptr<InFlight> owner_;
        IpAddress::Bytes client_;
    };

    /// Nothing when the client has `max` places or more already.
    [[nodiscard]] std::optional<Place> enter(const IpAddress::Bytes& client, std::size_t max);
    [[nodiscard]] std::size_t count(const IpAddress::Bytes& client);

 private:
    struct HashClient {
        std::size_t operator()(const IpAddress::Bytes& client) const noexcept;
    };
    struct Shard {
        std::mutex mutex;
        std::unordered_map<IpAddress::Bytes, std::size_t, HashClient> open;
    };
    Shard& shard_of(const IpAddress::Bytes& client);
    void leave(const IpAddress::Bytes& client) noexcept;

    std::array<Shard, 16> shards_;
};
using Places = std::vector<InFlight::Place>;

/// tcp.middlewares.<name>, as routes hold it.
struct Middleware {
    std::string name;
    std::vector<IpNetwork> source_range;  ///< the only clients let through; empty: all
    std::size_t in_flight_max = 0;        ///< per client
    std::shared_ptr<InFlight> in_flight;  ///< null: not limited
    bool operator==(const Middleware&) const = default;
};
using MiddlewarePtr = std::shared_ptr<const Middleware>;

/// Asks them in order. The one that refuses the client, for whom then no place is kept; or null,
/// with the places it has taken added to `places`.
[[nodiscard]] const Middleware* first_refusing(const std::vector<MiddlewarePtr>& middlewares,
                                               const IpAddress::Bytes& client,
                                               Places& places);

/// True if none of them refuses the client for its address, whatever else it has open.
[[nodiscard]] bool lists_client(const std::vector<MiddlewarePtr>& middlewares,
                                const IpAddress::Bytes& client);

/// What an open connection counts towards.
struct Held {
    Held() = default;
    Held(Admission::ConnectionSlot slot, Places taken = {}, ServerSlot at_server = {})
        : connection(std::move(slot)), places(std::move(taken)), server(std::move(at_server)) {}
    Admission::ConnectionSlot connection;
    Places places;
    ServerSlot server;
};

}  // namespace mesh::proxy
