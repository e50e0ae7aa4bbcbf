#pragma once
// Private to this room: TLS 1.3 key updates, the peer's and ours (RFC 8446 §4.6.3).
#include "base/clock.hpp"
#include "tls/openssl_ptr.hpp"

#include <cstdint>

namespace mesh::tls {

/// Each KeyUpdate of the peer costs us a key derivation and perhaps an answer: more than a
/// hundred in a second is an attack. And our own key is renewed before AES-GCM has sealed more
/// records than RFC 8446 §5.5 allows.
class KeyUpdates {
 public:
    /// Counts one update of the peer. False from the one on that is too many.
    [[nodiscard]] bool allow(SteadyTime now) noexcept;
    [[nodiscard]] bool flooded() const { return flooded_; }

    /// To be called before `size` bytes are sealed.
    void renew_own_key(SSL* ssl, std::size_t size) noexcept;

 private:
    SteadyTime window_start_{};
    std::uint32_t sealed_ = 0;  ///< records under the present key
    std::uint8_t in_window_ = 0;
    bool flooded_ = false;
};

}  // namespace mesh::tls
