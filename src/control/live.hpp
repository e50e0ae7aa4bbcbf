#pragma once
#include "base/clock.hpp"
#include "base/hostname.hpp"
#include "base/result.hpp"
#include "control/import.hpp"
#include "control/plan.hpp"
#include "store/records.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

/// What people ask a running mesh about its certificates, and what it says.
namespace mesh::control {

/// Which certificates to list.
struct LineQuery {
    /// Only those that have this name, or a wildcard over it.
    std::optional<HostPattern> name;
    /// Goes on behind this one.
    std::optional<store::CertificateKey> after;
    std::size_t limit = 500;
};

struct LinePage {
    std::vector<PlanLine> lines;                ///< by directory and names
    std::optional<store::CertificateKey> last;  ///< there are more behind this one
};

/// A CA as `mesh status` shows it.
struct CaLine {
    std::string directory;
    std::string state;  ///< see AuthorityStanding
    std::optional<WallTime> until;
    std::string reason;
};

struct RenewRequest {
    std::vector<HostPattern> names;  ///< certificates that have one of them
    bool failed = false;             ///< and all whose last attempt failed
};

enum class RenewOutcome {
    asked,      ///< an order begins as soon as the CA has a turn for it
    under_way,  ///< one is going on already
    waits,      ///< begins at `until`: the CA asked to wait
    refused,    ///< `reason` says why nothing will happen
};
[[nodiscard]] std::string_view to_string(RenewOutcome outcome);

struct RenewLine {
    std::vector<std::string> names;
    std::string directory;
    RenewOutcome outcome = RenewOutcome::refused;
    std::optional<WallTime> until;
    std::string reason;
};

using ImportDone = std::function<void(std::vector<ImportLine>)>;

}  // namespace mesh::control
