#include "tls/key_updates.hpp"

#include "tls/wire.hpp"

#include <openssl/err.h>

namespace mesh::tls {
namespace {

constexpr std::uint8_t updates_max = 100;  // in a second
/// Twice what data alone makes a session gather.
constexpr std::size_t unread_max = 256 * 1024;
/// Half of the 2^24.5 records that are safe, rounded down.
constexpr std::uint32_t records_max = 1U << 23U;

}  // namespace

bool KeyUpdates::allow(SteadyTime now, std::size_t unread) noexcept {
    if (!rate_.allow(now, updates_max) || unread > unread_max) flooded_ = true;
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
