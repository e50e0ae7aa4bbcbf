#include "tls/key_updates.hpp"

#include <openssl/err.h>

namespace mesh::tls {
namespace {

constexpr std::chrono::seconds window{1};
constexpr std::uint8_t updates_max = 100;  // in a window
constexpr std::size_t record_size = 16 * 1024;
/// Half of the 2^24.5 records that are safe, rounded down.
constexpr std::uint32_t records_max = 1U << 23U;

}  // namespace

bool KeyUpdates::allow(SteadyTime now) noexcept {
    if (in_window_ == 0 || now - window_start_ >= window) {
        window_start_ = now;
        in_window_ = 0;
    }
    if (in_window_ == updates_max) flooded_ = true;
    if (!flooded_) ++in_window_;
    return !flooded_;
}

void KeyUpdates::renew_own_key(SSL* ssl, std::size_t size) noexcept {
    sealed_ += static_cast<std::uint32_t>(size / record_size) + 1;
    if (sealed_ < records_max) return;
    sealed_ = 0;
    if (SSL_version(ssl) < TLS1_3_VERSION) return;  // has no key update
    if (SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1) ERR_clear_error();
}

}  // namespace mesh::tls
