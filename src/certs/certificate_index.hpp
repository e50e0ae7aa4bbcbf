#pragma once
#include "base/clock.hpp"
#include "base/hostname.hpp"
#include "base/result.hpp"
#include "base/shared_text.hpp"
#include "tls/certificate.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace mesh::certs {

/// Identifies one stored certificate version: a row of the store, or a negative number for a
/// certificate from a file. A swap is a put of a new version for the same certificate id.
using CertificateId = std::int64_t;
using VersionId = std::int64_t;

/// What is known of a certificate before its key and chain are read. Shared between workers.
struct CertificateEntry {
    CertificateId id = 0;
    VersionId version = 0;
    std::vector<HostPattern> names;
    SharedText directory;  ///< CA directory URL; empty for certificates from files
    WallTime not_before;
    WallTime not_after;
    /// False while it is on no disk yet: what was put is all there is of it.
    bool can_be_loaded = true;
};
using EntryPtr = std::shared_ptr<const CertificateEntry>;
using CredentialPtr = std::shared_ptr<const tls::Credential>;

/// What a handshake asks for.
struct Query {
    const Hostname& name;
    std::string_view directory;  ///< of the router's resolver, preferred; may be empty
    WallTime now;
};

struct Lookup {
    enum class State { ready, loading, none } state = State::none;
    CredentialPtr credential;  ///< set when ready
    EntryPtr entry;            ///< set when ready or loading
};

/// Whether what failed so may work a moment later without anybody changing the certificate: a disk,
/// a permission, a lack of room or of descriptors. Content that is not right stays so.
[[nodiscard]] bool may_pass(Errc why);

/// One worker's certificates by name. Not thread-safe: it belongs to its worker, which receives
/// put and remove as posted deltas.
///
/// Choice for a name, best first: valid now over not; exact over wildcard; the preferred
/// directory over others; longer-lived over shorter.
class CertificateIndex {
 public:
    /// A version that could not be read for a passing reason is asked for again after this.
    static constexpr std::chrono::seconds read_pause{5};

    /// `request_load(entry)` is called at most once per version until `loaded` or `load_failed`
    /// answers, and must not call back into the index before it returns. `cache_bytes_max` bounds
    /// parsed credentials; the least recently used go first, the one just needed stays, and so do
    /// those that could not be loaded again, at the expense of the others. `clock` times the pauses
    /// and outlives the index.
    CertificateIndex(std::function<void(EntryPtr)> request_load,
                     std::size_t cache_bytes_max,
                     const Clock& clock);

    ~CertificateIndex();
    CertificateIndex(const CertificateIndex&) = delete;
    CertificateIndex& operator=(const CertificateIndex&) = delete;

    /// Adds or replaces the certificate of that id. With a credential it is ready at once; what
    /// was loaded of the same version stays loaded.
    void put(EntryPtr entry, CredentialPtr credential = nullptr);
    void remove(CertificateId id);
    /// The loader's answer. Ignored when that version is not current any more.
    void loaded(CertificateId id, VersionId version, CredentialPtr credential);
    /// The version cannot be read. When the reason passes by itself (see may_pass) it is asked for
    /// again by the first handshake after `read_pause`; else not before it is put anew. Meanwhile
    /// it is not offered.
    void load_failed(CertificateId id, VersionId version, Errc why);

    /// The best certificate for the name. When it is not in memory it is asked for, and the answer
    /// is `loading`: the handshake waits for it rather than being shown a worse one.
    [[nodiscard]] Lookup find(const Query& query);

    [[nodiscard]] std::size_t size() const { return by_id_.size(); }
    /// Bytes of parsed credentials held, by their own estimate.
    [[nodiscard]] std::size_t cache_bytes() const { return cache_bytes_; }

 private:
    struct Slot;
    /// By the text of the entry that the slot holds.
    using ByName = std::unordered_multimap<std::string_view, Slot*>;

    ByName& names_of(const HostPattern& pattern);
    void add_names(Slot& slot);
    void remove_names(const Slot& slot);
    [[nodiscard]] bool offered(const Slot& slot) const;
    [[nodiscard]] Slot* best(const Query& query) const;
    [[nodiscard]] Slot* current(CertificateId id, VersionId version) const;
    void hold(Slot& slot, CredentialPtr credential);
    void release(Slot& slot);
    void use(Slot& slot);
    void link_newest(Slot& slot);
    void unlink(Slot& slot);
    void evict();

    std::function<void(EntryPtr)> request_load_;
    std::size_t cache_bytes_max_;
    const Clock& clock_;
    std::size_t cache_bytes_ = 0;
    std::unordered_map<CertificateId, std::unique_ptr<Slot>> by_id_;
    ByName exact_;
    ByName wildcard_;         ///< keyed by what follows "*."
    Slot* newest_ = nullptr;  ///< of the slots that hold a credential, by last use
    Slot* oldest_ = nullptr;
};

}  // namespace mesh::certs
