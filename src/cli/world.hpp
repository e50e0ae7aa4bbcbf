#pragma once
#include "app/file_certificates.hpp"
#include "base/log.hpp"
#include "cli/running.hpp"
#include "config/load.hpp"
#include "control/plan.hpp"
#include "model/configuration.hpp"
#include "store/store.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mesh::cli {

/// Loads a configuration file with the process's environment, and then everything it names:
/// findings about certificate files are among the others.
[[nodiscard]] config::LoadResult load(const std::string& path, bool no_secrets);
/// The same with other options; their environment is the process's.
[[nodiscard]] config::LoadResult load(const std::string& path, config::LoadOptions options);

/// Findings one per line, then the summary, on stdout.
void print(const config::LoadResult& result);

/// Writes log records of a command to stderr at once: there is no writer thread in a command.
class StderrLog final : public Log {
 public:
    void write(LogLevel level,
               std::string_view event,
               std::string_view message,
               std::initializer_list<LogField> fields) override;
    [[nodiscard]] bool enabled(LogLevel level) const override { return level >= LogLevel::warn; }
};

/// What commands that only look need: the configuration, what it wants and what the store has.
struct World {
    model::Configuration configuration;
    model::WantedSet wanted;
    std::vector<store::StoredCertificate> stored;
    std::vector<store::OrderRecord> orders;
    std::vector<store::AuthorityRecord> authorities;
    std::unique_ptr<store::Store> store;  ///< null when there is no store, or none to be read
    WallTime now;
    int pid = 0;                          ///< of the running process; 0: nobody was reached
    std::vector<control::PlanLine> live;  ///< what it said of its certificates
    std::vector<ServedFile> files;        ///< tls.certificates: the process's, else as they are now

    /// What this file wants, with the state the running process has of it, else the store.
    [[nodiscard]] control::Plan plan() const;
    /// What the running process wants and has, else the same as `plan`.
    [[nodiscard]] control::Plan certificates() const;
    /// "/var/lib/mesh/mesh.db", or "no store at …": which one was looked at.
    [[nodiscard]] std::string store_text() const;
    /// "as process 4711 has it", or that nobody was asked and which store was looked at.
    [[nodiscard]] std::string source_text() const;
};

/// Whether a command needs what the file says, or can do with what the process says.
enum class Need { configuration, certificates };

/// Asks the running process, if there is one, and reads configuration and store; on failure prints
/// why to stderr and sets `exit_code`. With Need::certificates an invalid configuration and a store
/// that cannot be read are no failure as long as the process answers.
[[nodiscard]] std::optional<World> look(const std::string& config_path,
                                        int& exit_code,
                                        Need need = Need::configuration);

/// Certificates of a plan of `world` as one JSON document: `{version:1, pid, store, store_exists,
/// certificates:[…], not_ordered:[…]}`.
[[nodiscard]] std::string plan_json(const World& world, const control::Plan& plan);

}  // namespace mesh::cli
