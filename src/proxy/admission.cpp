#include "proxy/admission.hpp"

namespace mesh::proxy {

bool Admission::take_one(std::atomic<std::size_t>& count, std::size_t max) {
    std::size_t seen = count.load(std::memory_order_relaxed);
    while (seen < max) {
        if (count.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed)) return true;
    }
    return false;
}

/// Takes one of both, or of none.
bool Admission::take_two(std::atomic<std::size_t>& count,
                         std::size_t max,
                         std::atomic<std::size_t>* also,
                         std::size_t also_max) {
    if (!take_one(count, max)) return false;
    if (also == nullptr || take_one(*also, also_max)) return true;
    count.fetch_sub(1, std::memory_order_relaxed);
    return false;
}

std::optional<Admission::ConnectionSlot> Admission::open(const EntryPointShare& share) {
    std::atomic<std::size_t>* const own = share.usage ? &share.usage->connections : nullptr;
    if (!take_two(connections_, limits_.connections_max, own, share.connections_max))
        return std::nullopt;
    return ConnectionSlot(*this, share.usage);
}

std::optional<Admission::HandshakeSlot> Admission::begin_handshake(const EntryPointShare& share) {
    std::atomic<std::size_t>* const own = share.usage ? &share.usage->handshakes : nullptr;
    if (!take_two(handshakes_, limits_.handshakes_max, own, share.handshakes_max))
        return std::nullopt;
    return HandshakeSlot(*this, share.usage);
}

bool Admission::count_source(HandshakeSlot& slot, const SourcePrefix& source) {
    Shard& shard = shard_of(source);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.pending.try_emplace(source, 0).first;
    if (found->second >= limits_.handshakes_per_source_max) return false;
    ++found->second;
    slot.source_ = source;
    return true;
}

Admission::HandshakeSlot::~HandshakeSlot() {
    if (owner_ == nullptr) return;
    owner_->handshakes_.fetch_sub(1, std::memory_order_relaxed);
    if (usage_) usage_->handshakes.fetch_sub(1, std::memory_order_relaxed);
    if (!source_) return;
    Shard& shard = owner_->shard_of(*source_);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.pending.find(*source_);
    if (found != shard.pending.end() && --found->second == 0) shard.pending.erase(found);
}

std::size_t Admission::HashSource::operator()(const SourcePrefix& source) const noexcept {
    // Fibonacci hashing: the bits that differ between neighbours are the low ones.
    return (source.bits ^ (source.v6 ? 1U : 0U)) * 0x9e3779b97f4a7c15ULL;
}

Admission::Shard& Admission::shard_of(const SourcePrefix& source) {
    return shards_[HashSource{}(source) >> 58];
}

}  // namespace mesh::proxy
