#pragma once
#include "base/clock.hpp"
#include "model/wanted.hpp"
#include "store/records.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::control {

/// What is in hand for a certificate.
enum class CertificateState {
    missing,  ///< wanted, no version yet
    valid,
    due,  ///< valid, its renewal time has come
    expired,
    not_yet_valid,
    unwanted,  ///< stored, but no router wants it
};
[[nodiscard]] std::string_view to_string(CertificateState state);

/// Of a certificate that is wanted.
[[nodiscard]] CertificateState state_of(const std::optional<store::VersionFacts>& version,
                                        WallTime now);

/// What happens to a certificate next.
enum class NextAction {
    none,
    order,           ///< a first order
    renew,           ///< an order while a version exists
    continue_order,  ///< an order is open and goes on where it stopped
    remove,          ///< unwanted: deleted at that time
};
[[nodiscard]] std::string_view to_string(NextAction action);

/// How far the open order of a certificate is.
struct OpenOrder {
    struct Name {
        std::string name;
        std::string status;      ///< the CA's word for its authorization: "pending", "valid" …
        bool responded = false;  ///< the CA was told that the challenge is up
    };
    std::string url;     ///< empty: the CA was not asked, or did not answer yet
    std::string status;  ///< the CA's word: "pending", "ready", "processing" …
    WallTime created;
    std::vector<Name> names;  ///< as far as the CA told
};

/// One certificate as `mesh plan` and `mesh certs list` show it.
struct PlanLine {
    std::vector<std::string> names;  ///< main first
    std::string resolver;
    std::string directory;
    std::vector<std::string> routers;  ///< empty: unwanted
    CertificateState state = CertificateState::missing;
    std::string serial;  ///< empty without a version
    std::string sha256;
    std::string source;    ///< "acme", "import" or empty
    std::string key_type;  ///< of the version, as configured: "EC256"
    std::optional<WallTime> not_before;
    std::optional<WallTime> not_after;
    NextAction next_action = NextAction::none;
    /// When; in the past or equal to `now` means at once. Empty with NextAction::none.
    std::optional<WallTime> next_at;
    std::string why;  ///< a sentence: why the next action comes, and not sooner
    std::optional<OpenOrder> open_order;
    std::uint32_t attempts = 0;  ///< failures in a row that count
    std::optional<store::LastError> last_error;
    /// Sentences for people: key type or profile change at the next renewal; the CA asked for
    /// patience until then.
    std::vector<std::string> notes;
};

struct Plan {
    /// Wanted ones in the order of the wanted set, then the unwanted ones by directory and names.
    std::vector<PlanLine> certificates;
    std::vector<model::NotOrdered> not_ordered;
};

/// What a reconciler with this configuration would do with this store from `now` on. Pure;
/// contacts nobody.
[[nodiscard]] Plan plan(const model::WantedSet& wanted,
                        const std::vector<store::StoredCertificate>& stored,
                        const std::vector<store::AuthorityRecord>& authorities,
                        const std::vector<store::OrderRecord>& orders,
                        WallTime now);

/// The same for what is stored, without a configuration: every certificate counts as wanted
/// unless its row says otherwise.
[[nodiscard]] Plan plan_of_stored(const std::vector<store::StoredCertificate>& stored,
                                  const std::vector<store::AuthorityRecord>& authorities,
                                  const std::vector<store::OrderRecord>& orders,
                                  WallTime now);

}  // namespace mesh::control
