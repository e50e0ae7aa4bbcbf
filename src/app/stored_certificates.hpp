#pragma once
#include "app/file_certificates.hpp"
#include "certs/certificate_index.hpp"
#include "store/store.hpp"

#include <vector>

namespace mesh::app {

/// The start-up index: every stored certificate that has a version, names and dates only.
[[nodiscard]] std::vector<certs::EntryPtr> stored_entries(
    const std::vector<store::StoredCertificate>& certificates);

/// Finds key and chain of an entry: in the store, or among the certificates from files, which
/// stay in memory. Used on the loader's thread.
class CredentialSource {
 public:
    CredentialSource(store::Store* store, const std::vector<FileCertificate>& files);
    [[nodiscard]] Result<certs::CredentialPtr> load(const certs::CertificateEntry& entry) const;

 private:
    store::Store* store_;  ///< null without resolvers
    std::map<certs::CertificateId, certs::CredentialPtr> files_;
};

}  // namespace mesh::app
