#pragma once
#include "app/file_certificates.hpp"
#include "base/log.hpp"
#include "certs/certificate_index.hpp"
#include "proxy/name_throttle.hpp"
#include "store/store.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

namespace mesh::app {

/// The start-up index: names and dates only.
[[nodiscard]] std::vector<certs::EntryPtr> stored_entries(
    const std::vector<store::ServedCertificate>& certificates);

/// Finds key and chain of an entry: in the store, in the store's copy for what the store cannot
/// give, or among the certificates from files, which stay in memory. Says in the log what cannot be
/// read: a fault of the store once a minute, whatever the number of certificates it hits; a
/// certificate that is not right, once a minute each. Used on the loader's thread.
class CredentialSource {
 public:
    /// Hears of a certificate that neither the store nor its copy has, and that will not come back
    /// by itself. Called on the loader's thread.
    using Lost = std::function<void(const certs::CertificateEntry&)>;

    CredentialSource(store::Store* store,
                     const std::vector<FileCertificate>& files,
                     Lost lost,
                     const Clock& clock,
                     Log& log);
    [[nodiscard]] Result<certs::CredentialPtr> load(const certs::CertificateEntry& entry);
    /// Thread-safe: the first resolver came, and with it a store.
    void set_store(store::Store& store);
    /// Thread-safe: other certificates are in files now.
    void set_files(const std::vector<FileCertificate>& files);

 private:
    [[nodiscard]] Result<certs::CredentialPtr> find_stored(store::Store& store,
                                                           const certs::CertificateEntry& entry);
    void note(const certs::CertificateEntry& entry, const Error& error, bool in_copy);

    std::atomic<store::Store*> store_;  ///< null without resolvers
    Lost lost_;
    const Clock& clock_;
    Log& log_;
    proxy::NameThrottle lines_;
    mutable std::mutex files_mutex_;
    std::map<certs::CertificateId, certs::CredentialPtr> files_;
};

}  // namespace mesh::app
