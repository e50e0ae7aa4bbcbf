#pragma once
#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "store/records.hpp"
#include "tls/certificate.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Certificates that were got elsewhere, checked and turned into rows. Pure: reading the files
/// is import_files.hpp's part, Traefik's acme.json import_traefik.hpp's.
namespace mesh::control {

/// A chain with its key as found, not looked at yet.
struct ImportItem {
    std::string label;  ///< where it comes from, for the report
    std::string chain_pem;
    Secret key_pem;
};

/// Whose certificates they become.
struct ImportTarget {
    std::string directory;  ///< the resolver's CA directory URL
    std::string resolver;
};

enum class ImportOutcome {
    imported,
    already_stored,  ///< this very certificate is there
    kept_stored,     ///< the stored one is valid for longer
    refused,         ///< `message` says why
};

[[nodiscard]] std::string_view to_string(ImportOutcome outcome);

/// What became of one item.
struct ImportLine {
    std::string label;
    ImportOutcome outcome = ImportOutcome::refused;
    std::vector<std::string> names;  ///< as in the certificate
    std::string serial;
    std::optional<WallTime> not_after;
    std::string message;  ///< one sentence, empty when imported
};

/// Items to give to one call of `add`, so that one commit carries many and memory stays bounded.
inline constexpr std::size_t import_batch_size = 500;

/// Turns items into transitions against what the store holds.
class Import {
 public:
    /// What the store has of that identity, or null.
    using Find = std::function<const store::StoredCertificate*(const store::CertificateKey&)>;

    Import(ImportTarget target, const std::vector<store::StoredCertificate>& stored);
    /// The same, where looking up one is cheaper than listing all.
    [[nodiscard]] static Import against(Find find, ImportTarget target);

    struct Batch {
        store::Transition transition;   ///< empty: nothing to commit
        std::vector<ImportLine> lines;  ///< one for each item, in order
        /// Of the imported ones, in order.
        std::vector<std::shared_ptr<const tls::Credential>> credentials;
    };
    /// Checks each item (parses, the key belongs to the leaf, at least one DNS name, valid
    /// now) and gives the rows of those to take. A later item with the same names as an earlier one
    /// replaces it only if it lives longer. The caller commits `transition` whole.
    [[nodiscard]] Batch add(std::span<const ImportItem> items, WallTime now);

 private:
    struct Known {
        store::CertificateRecord record;
        std::optional<store::VersionFacts> version;
    };
    ImportLine add_one(const ImportItem& item, WallTime now, Batch& batch);
    Known& known(const store::CertificateKey& key);
    void renew(Known& known,
               const store::CertificateKey& key,
               const std::vector<std::string>& names,
               store::VersionFacts facts) const;
    static void add_rows(const Known& known,
                         const tls::Credential& credential,
                         const std::string& label,
                         store::Transition& transition);

    ImportTarget target_;
    Find find_;
    std::map<store::CertificateKey, Known> known_;
};

}  // namespace mesh::control
