#pragma once
#include "model/configuration.hpp"

#include <string>
#include <vector>

namespace mesh::model {

/// The identity of a managed certificate: the CA's directory URL and the sorted set of names.
/// Everything else (router, key type, order of the names) may change under it.
struct CertificateKey {
    std::string directory;
    std::vector<std::string> names;  ///< sorted, unique, canonical
    auto operator<=>(const CertificateKey&) const = default;
    /// One line for logs and messages: "shop.example, www.shop.example".
    [[nodiscard]] std::string names_text() const;
};

/// One certificate the configuration asks for.
struct WantedCertificate {
    CertificateKey key;
    std::vector<HostPattern> names;  ///< in the order to request: main first
    std::string resolver;
    /// Names of the routers that want it, sorted; "tls.stores.default" for its own certificate.
    std::vector<std::string> routers;
    KeyType key_type = KeyType::ec256;
    std::string profile;
    std::string preferred_chain = {};
};

/// Why a router with a certResolver gets no order of its own.
struct NotOrdered {
    std::string router;
    std::string resolver;
    std::string reason;  ///< a sentence for `mesh plan`
};

struct WantedSet {
    std::vector<WantedCertificate> certificates;  ///< in a stable order
    std::vector<NotOrdered> not_ordered;
};

/// The name sets a router asks for, before anything is weighed against other routers: non-empty
/// `domains` entry by entry, main first, else the positive HostSNI names of the rule in order.
/// Each name once. Empty when the router has no resolver, or when nothing in the rule names a host.
[[nodiscard]] std::vector<std::vector<HostPattern>> wanted_names(const Router& router);

/// What the configuration wants, by these rules:
///   - equal sets are one certificate with all their routers, whatever the order of the names;
///   - a set whose every name is in, or covered by, one other set of the same resolver makes no
///     order; one partly covered is ordered whole;
///   - `file_certificates` are the names of the currently valid certificates from
///     tls.certificates: they cover names too;
///   - two resolvers with the same directory that want the same names share one certificate, made
///     as the first of them by name says: the key is the certificate's identity.
/// Certificates come sorted by resolver and names, `not_ordered` by router. Depends on nothing but
/// its arguments. Time is about linear in the number of names, as long as few sets share each.
[[nodiscard]] WantedSet wanted_certificates(
    const Configuration& configuration,
    const std::vector<std::vector<HostPattern>>& file_certificates);

}  // namespace mesh::model
