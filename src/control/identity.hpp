#pragma once
#include "model/wanted.hpp"
#include "store/records.hpp"
#include "tls/key_pair.hpp"

#include <string>
#include <vector>

/// The same thing in the words of two rooms.
namespace mesh::control {

[[nodiscard]] store::CertificateKey to_store(const model::CertificateKey& key);
[[nodiscard]] tls::KeyType to_tls(model::KeyType type);
/// As configured and stored: "EC256".
[[nodiscard]] std::string_view key_type_text(model::KeyType type);
/// The same of a key that is here; empty for one of a kind that cannot be configured.
[[nodiscard]] std::string_view key_type_text(const tls::PrivateKey& key);
/// Names as text, in the given order.
[[nodiscard]] std::vector<std::string> texts(const std::vector<HostPattern>& names);
/// Sorted and unique: the names part of an identity.
[[nodiscard]] std::vector<std::string> identity_names(std::vector<std::string> names);
/// "shop.example, www.shop.example"; long lists end in "and 97 more".
[[nodiscard]] std::string names_text(const std::vector<std::string>& names);
/// What of a wanted certificate, besides its identity, a refusal of the CA may be about. A stored
/// back-off holds as long as this stays the same: "EC256", "EC256 shortlived".
[[nodiscard]] std::string asked_as(const model::WantedCertificate& wanted);

}  // namespace mesh::control
