#pragma once
#include "base/clock.hpp"
#include "base/secret.hpp"
#include "base/shared_text.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// Rows as values. The store knows no other room: what a status text means is its writers' affair.
namespace mesh::store {

/// Identity of a managed certificate.
struct CertificateKey {
    std::string directory;
    std::vector<std::string> names;  ///< sorted, unique
    auto operator<=>(const CertificateKey&) const = default;
};

struct AccountRecord {
    std::string directory;  ///< key
    std::string email;
    Secret key_pem;
    std::string url;     ///< empty until the CA answered
    std::string status;  ///< "valid", or why the account is stopped
    WallTime created;
};

/// A CA's own state: survives restarts so that a restart never hammers.
struct AuthorityRecord {
    std::string directory;                     ///< key
    std::optional<WallTime> retry_not_before;  ///< rate limit for the whole CA
    std::string reason;
    std::optional<WallTime> asked_until = {};  ///< the same time when the CA named it
};

struct LastError {
    std::string type;
    std::string detail;
    WallTime at;
};

/// A managed certificate and where its schedule stands; it may have no version yet.
struct CertificateRecord {
    CertificateKey key;
    std::vector<std::string> ordered_names;  ///< main first
    std::string resolver;
    std::string state;           ///< free text of the reconciler
    std::uint32_t attempts = 0;  ///< failures in a row that count
    std::optional<WallTime> next_at;
    std::optional<LastError> last_error;
    std::optional<WallTime> unwanted_since;
    std::optional<WallTime> asked_until;    ///< the CA itself does not want to hear of it before
    std::optional<WallTime> renewal_asked;  ///< when a person last wanted another version
};

struct VersionFacts {
    WallTime not_before;
    WallTime not_after;
    std::string serial;
    std::string sha256;
    std::string key_type;
    std::string profile;
    std::string source;  ///< "acme" or "import"
    WallTime created;
};

struct AuthorizationRecord {
    std::string url;
    std::string name;
    std::string status;
    std::string challenge_url;
    std::string token;
    bool responded = false;
    auto operator<=>(const AuthorizationRecord&) const = default;
};

/// The one open order of a certificate.
struct OrderRecord {
    CertificateKey key;
    std::vector<std::string> names;  ///< main first
    std::string profile;
    std::string url;
    std::string status;
    std::string finalize_url;
    std::string certificate_url;
    std::optional<WallTime> expires;
    std::vector<AuthorizationRecord> authorizations;
    Secret key_pem;
    bool finalized = false;
    WallTime created;
};

struct HistoryRecord {
    CertificateKey key;
    WallTime at;
    std::string event;
    std::string detail;
};

/// The configuration applied last, as it was written: what `${…}` stands for is not in it.
struct ConfigurationRecord {
    struct File {
        std::string path;  ///< absolute; the first is the main file
        std::string text;
    };
    std::vector<File> files;
    WallTime applied;
};

// Changes. A transition is a list of them, applied in one transaction.
struct PutAccount {
    AccountRecord account;
};
struct PutAuthority {
    AuthorityRecord authority;
};
struct PutCertificate {
    CertificateRecord certificate;
};
/// Takes the certificate's versions and its order with it. Its history stays.
struct DeleteCertificate {
    CertificateKey key;
};
/// The certificate's one open order. Its record must exist or be put earlier in the transition.
struct PutOrder {
    OrderRecord order;
};
struct DeleteOrder {
    CertificateKey key;
};
/// Makes this version current; the one before becomes previous, two are kept, keys of older ones
/// are wiped. The certificate's record must exist or be put earlier in the transition.
struct PutVersion {
    CertificateKey key;
    std::string chain_pem;
    Secret key_pem;
    VersionFacts facts;
};
/// Kept 400 days, counted back from what is added.
struct AddHistory {
    HistoryRecord record;
};

/// In place of the one before.
struct PutConfiguration {
    ConfigurationRecord configuration;
};

using Change = std::variant<PutAccount,
                            PutAuthority,
                            PutCertificate,
                            DeleteCertificate,
                            PutOrder,
                            DeleteOrder,
                            PutVersion,
                            AddHistory,
                            PutConfiguration>;
using Transition = std::vector<Change>;

/// A certificate that has a version, as the start-up index needs it.
struct ServedCertificate {
    std::int64_t certificate_id = 0;
    std::int64_t version_id = 0;
    SharedText directory;
    std::vector<std::string> names;  ///< of its key
    WallTime not_before;
    WallTime not_after;
    bool wanted = false;  ///< when that was last written
};

/// A certificate and its current version: no key, no chain.
struct StoredCertificate {
    std::int64_t certificate_id = 0;
    CertificateRecord record;
    std::int64_t version_id = 0;          ///< 0: no version
    std::optional<VersionFacts> version;  ///< of the current version
};

/// A version that is kept, without key and chain.
struct StoredVersion {
    std::int64_t version_id = 0;
    VersionFacts facts;
    bool current = false;
};

struct VersionMaterial {
    std::string chain_pem;
    Secret key_pem;
};

/// What a transition created.
struct Applied {
    std::int64_t certificate_id = 0;  ///< of the last PutVersion
    std::int64_t version_id = 0;
};

}  // namespace mesh::store
