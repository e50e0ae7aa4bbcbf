#pragma once
#include "app/file_certificates.hpp"
#include "base/log.hpp"
#include "certs/certificate_index.hpp"
#include "proxy/name_throttle.hpp"
#include "store/store.hpp"

#include <vector>

namespace mesh::app {

/// The start-up index: every stored certificate that has a version, names and dates only.
[[nodiscard]] std::vector<certs::EntryPtr> stored_entries(
    const std::vector<store::StoredCertificate>& certificates);

/// Finds key and chain of an entry: in the store, or among the certificates from files, which
/// stay in memory. Says in the log what cannot be read: a fault of the store once a minute,
/// whatever the number of certificates it hits; a certificate that is not right, once a minute
/// each. Used on the loader's thread.
class CredentialSource {
 public:
    CredentialSource(store::Store* store,
                     const std::vector<FileCertificate>& files,
                     const Clock& clock,
                     Log& log);
    [[nodiscard]] Result<certs::CredentialPtr> load(const certs::CertificateEntry& entry);

 private:
    [[nodiscard]] Result<certs::CredentialPtr> read(const certs::CertificateEntry& entry) const;
    void note(const certs::CertificateEntry& entry, const Error& error);

    store::Store* store_;  ///< null without resolvers
    const Clock& clock_;
    Log& log_;
    proxy::NameThrottle lines_;
    std::map<certs::CertificateId, certs::CredentialPtr> files_;
};

}  // namespace mesh::app
