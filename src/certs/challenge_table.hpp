#pragma once
#include "base/hostname.hpp"
#include "tls/certificate.hpp"

#include <memory>
#include <string_view>
#include <unordered_map>

namespace mesh::certs {

/// One worker's answers for TLS-ALPN-01: names being validated at this moment, each with the
/// certificate to show. Present and clean-up are O(1). Belongs to its worker.
class ChallengeTable {
 public:
    void put(const Hostname& name, std::shared_ptr<const tls::Credential> credential);
    void remove(const Hostname& name);
    /// Null when the name is not being validated.
    [[nodiscard]] std::shared_ptr<const tls::Credential> find(const Hostname& name) const;
    [[nodiscard]] std::size_t size() const { return answers_.size(); }

 private:
    std::unordered_map<Hostname, std::shared_ptr<const tls::Credential>> answers_;
};

}  // namespace mesh::certs
