#pragma once
#include "proxy/socket_address.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

namespace mesh::proxy {

/// How much of the limits one entry point has taken; lives as long as it is configured, and as
/// anything that counts towards it. Thread-safe.
struct EntryPointUsage {
    std::atomic<std::size_t> connections{0};
    std::atomic<std::size_t> handshakes{0};
};

/// What one entry point may have beside what the process may.
struct EntryPointShare {
    std::shared_ptr<EntryPointUsage> usage;  ///< null: nothing is counted
    std::size_t connections_max = std::numeric_limits<std::size_t>::max();
    std::size_t handshakes_max = std::numeric_limits<std::size_t>::max();
};

/// The limits on connections, exact over all workers. Thread-safe. One atomic each for the two
/// totals; sources are counted in a sharded table that holds only those with a pending handshake.
class Admission {
 public:
    struct Limits {
        std::size_t connections_max;
        std::size_t handshakes_max;
        std::size_t handshakes_per_source_max;
    };

    /// One connection's share of a limit; gives it back when destroyed. Must not outlive the
    /// Admission.
    class ConnectionSlot {
     public:
        ConnectionSlot() = default;
        ConnectionSlot(ConnectionSlot&& other) noexcept
            : owner_(std::exchange(other.owner_, nullptr)), usage_(std::move(other.usage_)) {}
        ConnectionSlot& operator=(ConnectionSlot&& other) noexcept {
            std::swap(owner_, other.owner_);
            std::swap(usage_, other.usage_);
            return *this;
        }
        ~ConnectionSlot() {
            if (owner_ != nullptr) owner_->connections_.fetch_sub(1, std::memory_order_relaxed);
            if (usage_) usage_->connections.fetch_sub(1, std::memory_order_relaxed);
        }

     private:
        friend class Admission;
        ConnectionSlot(Admission& owner, std::shared_ptr<EntryPointUsage> usage)
            : owner_(&owner), usage_(std::move(usage)) {}
        Admission* owner_ = nullptr;
        std::shared_ptr<EntryPointUsage> usage_;
    };

    /// From accept until the client has shown who it wants; counts for its source once that is
    /// known.
    class HandshakeSlot {
     public:
        HandshakeSlot() = default;
        HandshakeSlot(HandshakeSlot&& other) noexcept
            : owner_(std::exchange(other.owner_, nullptr)),
              usage_(std::move(other.usage_)),
              source_(std::exchange(other.source_, std::nullopt)) {}
        HandshakeSlot& operator=(HandshakeSlot&& other) noexcept {
            std::swap(owner_, other.owner_);
            std::swap(usage_, other.usage_);
            std::swap(source_, other.source_);
            return *this;
        }
        ~HandshakeSlot();

        [[nodiscard]] bool counts_for_source() const { return source_.has_value(); }

     private:
        friend class Admission;
        HandshakeSlot(Admission& owner, std::shared_ptr<EntryPointUsage> usage)
            : owner_(&owner), usage_(std::move(usage)) {}
        Admission* owner_ = nullptr;
        std::shared_ptr<EntryPointUsage> usage_;
        std::optional<SourcePrefix> source_;
    };

    explicit Admission(Limits limits) : limits_(limits) {}

    /// Nothing at the limit of the process or of the entry point: do not accept.
    [[nodiscard]] std::optional<ConnectionSlot> open(const EntryPointShare& share = {});
    [[nodiscard]] std::optional<HandshakeSlot> begin_handshake(const EntryPointShare& share = {});
    /// Of a slot that counts for no source yet. False when the source has too many handshakes
    /// pending: drop the connection.
    [[nodiscard]] bool count_source(HandshakeSlot& slot, const SourcePrefix& source);

    [[nodiscard]] std::size_t connections() const {
        return connections_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::size_t handshakes() const {
        return handshakes_.load(std::memory_order_relaxed);
    }

 private:
    struct HashSource {
        std::size_t operator()(const SourcePrefix& source) const noexcept;
    };
    struct Shard {
        std::mutex mutex;
        std::unordered_map<SourcePrefix, std::size_t, HashSource> pending;
    };
    Shard& shard_of(const SourcePrefix& source);
    static bool take_one(std::atomic<std::size_t>& count, std::size_t max);
    static bool take_two(std::atomic<std::size_t>& count,
                         std::size_t max,
                         std::atomic<std::size_t>* also,
                         std::size_t also_max);

    const Limits limits_;
    alignas(64) std::atomic<std::size_t> connections_{0};
    alignas(64) std::atomic<std::size_t> handshakes_{0};
    std::array<Shard, 64> shards_;
};

}  // namespace mesh::proxy
