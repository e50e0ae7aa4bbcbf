#pragma once
#include "base/clock.hpp"

#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace mesh::acme {

/// Anti-replay nonces the CA gave us and nobody has used (RFC 8555 §6.5). Holds the 32 newest;
/// forgets them after 5 minutes, because a CA does too.
class NoncePool {
 public:
    /// What is not base64url or longer than 512 bytes is not a nonce and ignored (§6.5.1).
    void put(std::string_view nonce, SteadyTime now);
    /// The newest one: it has the best chance.
    [[nodiscard]] std::optional<std::string> take(SteadyTime now);
    void clear() { nonces_.clear(); }
    [[nodiscard]] std::size_t size() const { return nonces_.size(); }
    [[nodiscard]] static bool acceptable(std::string_view nonce);

 private:
    struct Entry {
        std::string nonce;
        SteadyTime received;
    };
    std::deque<Entry> nonces_;  ///< oldest first
};

}  // namespace mesh::acme
