#pragma once
// Private to this room: TLS 1.3 key updates, the peer's and ours (RFC 8446 §4.6.3).
#include "base/clock.hpp"
#include "tls/message_rate.hpp"
#include "tls/openssl_ptr.hpp"

#include <cstddef>
#include <cstdint>

namespace mesh::tls {

/// Each KeyUpdate of the peer costs us a key derivation and perhaps an answer: more than a
/// hundred in a second is an attack. And our own key is renewed before AES-GCM has sealed more
/// records than RFC 8446 §5.5 allows.
class KeyUpdates {
 public:
    /// Counts one update of the peer, for which `unread` bytes wait. False from the one on that is
    /// too many: a peer that reads nothing would have answers gathered for ever, however slowly.
    [[nodiscard]] bool allow(SteadyTime now, std::size_t unread) noexcept;
    [[nodiscard]] bool flooded() const { return flooded_; }

    /// To be called before `size` bytes are sealed.
    void renew_own_key(SSL* ssl, std::size_t size) noexcept;

 private:
    MessageRate rate_;
    std::uint32_t sealed_ = 0;  ///< records under the present key
    bool flooded_ = false;
};

}  // namespace mesh::tls
