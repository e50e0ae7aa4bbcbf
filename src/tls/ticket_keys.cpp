#include "tls/ticket_keys.hpp"

#include "base/base64url.hpp"
#include "tls/openssl_error.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

namespace mesh::tls {
namespace {

SteadyTime::rep count_of(SteadyTime time) {
    return time.time_since_epoch().count();
}

}  // namespace

TicketKey::~TicketKey() {
    OPENSSL_cleanse(this, sizeof(*this));
}

TicketKeys::TicketKeys(const Clock& clock) : clock_(clock) {
    // All places get a random key, so that no name is predictable.
    for (std::size_t i = 0; i < kept; ++i)
        if (!rotate())
            throw_exception_from_error(openssl_error("cannot make ticket keys"),
                                       BOOST_CURRENT_LOCATION);
    due_ = count_of(clock.steady_now() + lifetime);
}

TicketKeys::TicketKeys(const Clock& clock, const Content& content) : clock_(clock) {
    for (std::size_t i = kept; i-- > 0;) put(content.keys[i]);
    // No key seals for longer than its time, whatever was said.
    due_ = count_of(std::min(content.due, clock.steady_now() + lifetime));
}

TicketKeys::Content TicketKeys::content() {
    rotate_if_due();
    const std::lock_guard lock(rotating_);
    Content content;
    for (std::size_t i = 0; i < kept; ++i) content.keys[i] = read(i);
    content.due = SteadyTime(SteadyTime::duration(due_.load(std::memory_order_relaxed)));
    return content;
}

TicketKeys::~TicketKeys() {
    for (Slot& slot : slots_)
        for (auto& word : slot) word.store(0, std::memory_order_relaxed);
}

TicketKey TicketKeys::newest() {
    rotate_if_due();
    return read(0);
}

std::optional<TicketKeys::Found> TicketKeys::find(std::span<const std::uint8_t, 16> name) {
    rotate_if_due();
    for (std::size_t i = 0; i < kept; ++i) {
        Found found{read(i), i == 0};
        // Names are public: they stand in front of every ticket.
        if (std::equal(name.begin(), name.end(), found.key.name().begin())) return found;
    }
    return std::nullopt;
}

void TicketKeys::rotate_if_due() {
    const SteadyTime now = clock_.steady_now();
    if (count_of(now) < due_.load(std::memory_order_acquire)) return;
    const std::lock_guard lock(rotating_);
    SteadyTime due{SteadyTime::duration(due_.load(std::memory_order_relaxed))};
    // After a quiet day more than one key has had its time.
    for (std::size_t i = 0; i < kept && now >= due; ++i) {
        if (!rotate()) return;
        due += lifetime;
    }
    if (now >= due) due = now + lifetime;
    due_.store(count_of(due), std::memory_order_release);
}

bool TicketKeys::rotate() {
    TicketKey fresh;
    if (RAND_bytes(fresh.bytes.data(), static_cast<int>(fresh.bytes.size())) != 1) return false;
    put(fresh);
    return true;
}

/// In front of the others, the oldest of which goes.
void TicketKeys::put(const TicketKey& fresh) {
    sequence_.fetch_add(1, std::memory_order_relaxed);
    for (std::size_t i = kept - 1; i > 0; --i)
        for (std::size_t w = 0; w < words_per_key; ++w)
            slots_[i][w].store(slots_[i - 1][w].load(std::memory_order_relaxed),
                               std::memory_order_release);
    for (std::size_t w = 0; w < words_per_key; ++w) {
        std::uint64_t word = 0;
        std::memcpy(&word, &fresh.bytes[w * sizeof(word)], sizeof(word));
        slots_[0][w].store(word, std::memory_order_release);
    }
    sequence_.fetch_add(1, std::memory_order_release);
}

TicketKey TicketKeys::read(std::size_t position) const {
    TicketKey key;
    for (;;) {
        const std::uint64_t before = sequence_.load(std::memory_order_acquire);
        // Acquire on the words orders them before the second look at the counter; a fence would
        // do the same, but the thread sanitizer does not know fences.
        for (std::size_t w = 0; w < words_per_key; ++w) {
            const std::uint64_t word = slots_[position][w].load(std::memory_order_acquire);
            std::memcpy(&key.bytes[w * sizeof(word)], &word, sizeof(word));
        }
        if (before % 2 == 0 && before == sequence_.load(std::memory_order_relaxed)) return key;
    }
}

std::shared_ptr<TicketKeys> make_ticket_keys(const Clock& clock) {
    return std::make_shared<TicketKeys>(clock);
}

Secret export_ticket_keys(TicketKeys& keys) {
    const TicketKeys::Content content = keys.content();
    Bytes bytes;
    for (const TicketKey& key : content.keys)
        bytes.insert(bytes.end(), key.bytes.begin(), key.bytes.end());
    const std::int64_t due = count_of(content.due);
    bytes.resize(bytes.size() + sizeof due);
    std::memcpy(bytes.data() + bytes.size() - sizeof due, &due, sizeof due);
    Secret text(base64url_encode(bytes));
    OPENSSL_cleanse(bytes.data(), bytes.size());
    return text;
}

Result<std::shared_ptr<TicketKeys>> import_ticket_keys(const Secret& text, const Clock& clock) {
    auto bytes = base64url_decode(text.reveal());
    TicketKeys::Content content;
    std::int64_t due = 0;
    constexpr std::size_t key_size = sizeof(TicketKey::bytes);
    if (!bytes || bytes->size() != TicketKeys::kept * key_size + sizeof due)
        return Error{Errc::invalid, Origin::internal, "these are no ticket keys"};
    for (std::size_t i = 0; i < TicketKeys::kept; ++i)
        std::memcpy(content.keys[i].bytes.data(), bytes->data() + i * key_size, key_size);
    std::memcpy(&due, bytes->data() + TicketKeys::kept * key_size, sizeof due);
    content.due = SteadyTime(SteadyTime::duration(due));
    OPENSSL_cleanse(bytes->data(), bytes->size());
    return std::make_shared<TicketKeys>(clock, content);
}

}  // namespace mesh::tls
