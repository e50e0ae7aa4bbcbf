#pragma once
#include "base/executor.hpp"
#include "certs/certificate_index.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace mesh::proxy {

/// Reads certificates that handshakes wait for: once for all workers that ask while one of them has
/// it, on a thread that may block. Thread-safe.
class CertificateLoader {
 public:
    using Read = std::function<Result<certs::CredentialPtr>(const certs::CertificateEntry&)>;
    using Answer = std::function<void(const Result<certs::CredentialPtr>&)>;

    /// Both run on `thread`, which must be stopped before this object goes.
    CertificateLoader(Executor& thread, Read read) : thread_(thread), read_(std::move(read)) {}

    /// `answer` runs on the loader's thread.
    void request(certs::EntryPtr entry, Answer answer);

 private:
    using Key = std::pair<certs::CertificateId, certs::VersionId>;
    void load(const certs::CertificateEntry& entry);
    [[nodiscard]] certs::CredentialPtr held(const Key& key);
    void remember(const Key& key, const certs::CredentialPtr& credential);

    Executor& thread_;
    Read read_;
    std::mutex mutex_;
    std::map<Key, std::vector<Answer>> waiting_;
    // Used on the loader's thread.
    std::map<Key, std::weak_ptr<const tls::Credential>> held_;  ///< by some worker, or no more
    std::size_t held_looked_at_ = 1024;                         ///< at this size
};

}  // namespace mesh::proxy
