#pragma once
// Private to this room: the keys that session tickets are sealed with.
#include "base/clock.hpp"
#include "tls/policy.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>

namespace mesh::tls {

/// One ticket key; wiped when it goes.
struct TicketKey {
    std::array<std::uint8_t, 16 + 32 + 32> bytes{};

    [[nodiscard]] std::span<const std::uint8_t, 16> name() const {
        return std::span(bytes).first<16>();
    }
    [[nodiscard]] std::span<const std::uint8_t, 32> cipher() const {  ///< AES-256-CBC
        return std::span(bytes).subspan<16, 32>();
    }
    [[nodiscard]] std::span<const std::uint8_t, 32> mac() const {  ///< HMAC-SHA-256
        return std::span(bytes).subspan<48, 32>();
    }

    TicketKey() = default;
    TicketKey(const TicketKey&) = default;
    TicketKey& operator=(const TicketKey&) = default;
    ~TicketKey();
};

/// Three keys, newest first. A key seals for 12 h and opens for 36 h of steady time; then its
/// place is overwritten. Rotation happens at the first use after it is due, whichever thread that
/// is.
///
/// Readers take no lock and write nothing shared: they copy a key out under a sequence counter
/// and try again in the rare case that a rotation ran meanwhile.
class TicketKeys {
 public:
    static constexpr std::chrono::hours lifetime{12};
    static constexpr std::size_t kept = 3;

    /// `clock` must outlive the keys. Throws when the system has no randomness.
    explicit TicketKeys(const Clock& clock);
    /// What another process has: its keys, and when the newest stops sealing.
    struct Content {
        std::array<TicketKey, kept> keys;  ///< newest first
        SteadyTime due;
    };
    TicketKeys(const Clock& clock, const Content& content);
    ~TicketKeys();
    TicketKeys(const TicketKeys&) = delete;
    TicketKeys& operator=(const TicketKeys&) = delete;

    /// The key that new tickets are sealed with.
    [[nodiscard]] TicketKey newest();

    struct Found {
        TicketKey key;
        bool is_newest = false;
    };
    /// The kept key of that name.
    [[nodiscard]] std::optional<Found> find(std::span<const std::uint8_t, 16> name);

    [[nodiscard]] Content content();

    [[nodiscard]] const Clock& clock() const { return clock_; }

 private:
    static constexpr std::size_t words_per_key = sizeof(TicketKey::bytes) / sizeof(std::uint64_t);
    using Slot = std::array<std::atomic<std::uint64_t>, words_per_key>;

    void rotate_if_due();
    bool rotate();
    void put(const TicketKey& fresh);
    [[nodiscard]] TicketKey read(std::size_t position) const;

    const Clock& clock_;
    std::mutex rotating_;
    std::atomic<SteadyTime::rep> due_{};      ///< when the newest key stops sealing
    std::atomic<std::uint64_t> sequence_{0};  ///< odd while a rotation is writing
    std::array<Slot, kept> slots_{};
};

}  // namespace mesh::tls
