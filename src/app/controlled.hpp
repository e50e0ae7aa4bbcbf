#pragma once
#include "app/followed_providers.hpp"
#include "app/reload.hpp"
#include "app/server_lines.hpp"
#include "app/upgrade_offer.hpp"
#include "base/clock.hpp"
#include "control/reconciler.hpp"
#include "model/configuration.hpp"
#include "proxy/data_plane.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mesh::app {

/// The last reload that was refused, as long as none was applied after it.
struct RefusedReload {
    WallTime at;
    std::string summary;
    std::vector<std::string> errors;  ///< the first few, one line each
};

/// What `mesh status` shows of the process itself.
struct ProcessStatus {
    WallTime now;
    WallTime started;
    bool draining = false;
    std::string configuration;  ///< absolute path
    std::string sha256;         ///< of the file as it was applied
    WallTime applied;
    std::optional<RefusedReload> refused;
    bool last_good = false;  ///< the file was invalid at the start: one kept in the store runs
    std::vector<config::Isolated> isolated;
    std::vector<FollowedProvider> providers;
    std::map<std::string, std::string> kept_files;  ///< as in TlsFiles
    std::string storage;                            ///< empty: no store is open
    bool storage_writable = false;
    proxy::Counters connections;
    std::vector<FileCertificate> file_certificates;
};

struct UpgradeRequest {
    std::string program;  ///< an absolute path; empty: the one this process was started from
    std::chrono::milliseconds ready_within = UpgradeOffer::ready_within;
};

/// A running mesh as commands see it. All on the control thread.
class Controlled {
 public:
    virtual ~Controlled() = default;
    [[nodiscard]] virtual ProcessStatus status() const = 0;
    [[nodiscard]] virtual ServerLines servers(std::size_t lines_max) const = 0;
    /// `done` runs once, later.
    virtual void reload(Reload::Done done) = 0;
    /// Lets another process take this one's place. `done` runs once, later.
    virtual void upgrade(const UpgradeRequest& request,
                         std::function<void(const UpgradeOutcome&)> done) = 0;
    /// Null where nothing is ordered: no resolvers, or a store that cannot be read.
    [[nodiscard]] virtual control::Reconciler* reconciler() = 0;
    [[nodiscard]] virtual const model::Configuration& configuration() const = 0;
};

}  // namespace mesh::app
