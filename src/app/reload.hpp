#pragma once
#include "app/loaded_configuration.hpp"
#include "base/clock.hpp"
#include "base/executor.hpp"
#include "base/log.hpp"
#include "observe/log_output.hpp"
#include "proxy/snapshot.hpp"
#include "store/store.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mesh::app {

/// A configuration that was read again, and what the data path would make of it.
struct FreshConfiguration {
    LoadedConfiguration loaded;
    bool asked = false;    ///< somebody asked
    bool of_files = true;  ///< files were read; else what they held before, for a provider's sake
    bool failed = false;   ///< nothing was read: a thread, memory or the like was missing
    std::vector<config::InventoryPtr> inventories;    ///< of providers, as they were read
    std::shared_ptr<const proxy::Snapshot> snapshot;  ///< set if there is no error
    std::optional<observe::LogOutput> log_output;     ///< set if the log goes elsewhere
    std::optional<observe::LogOutput> access_output;  ///< likewise of the log of connections
    std::unique_ptr<store::Store> store;              ///< set if the first resolver came
    std::vector<store::ServedCertificate> stored;     ///< in it
};

/// What became of a reload.
struct ReloadOutcome {
    bool applied = false;
    std::vector<config::Finding> findings;  ///< as `mesh check` has them
    std::string summary;                    ///< one line, as that of `mesh check`
};

/// Lets the configuration be read on a thread of its own (disks and name servers may be slow) and
/// applied on the executor, one reading at a time. Who asks while one goes on shares the next,
/// which begins after it: what is applied was on disk when it was asked for. Nobody waits for a
/// reading that hangs; it is applied when it ends after all.
class Reload {
 public:
    /// Owns all it uses: a disk that hangs may keep it longer than the rest of the process lives.
    using Read = std::function<FreshConfiguration()>;
    /// Makes the next reading, on the executor.
    using Prepare = std::function<Read()>;
    using Apply = std::function<ReloadOutcome(FreshConfiguration)>;
    using Done = std::function<void(const ReloadOutcome&)>;

    /// More wait for one reading only if somebody repeats the command in a loop.
    static constexpr std::size_t waiting_max = 100;

    /// How long the end waits for a reading.
    static constexpr std::chrono::milliseconds patience{500};

    /// A reading that takes longer hangs.
    static constexpr std::chrono::milliseconds hang_time{30'000};

    Reload(Executor& executor,
           Log& log,
           Prepare prepare,
           Apply apply,
           std::chrono::milliseconds hangs_after = hang_time);
    /// A reading that goes on is left to itself after `patience`.
    ~Reload();
    Reload(const Reload&) = delete;
    Reload& operator=(const Reload&) = delete;

    /// On the executor; `done` runs there once.
    void request(Done done);

    /// Nothing is told any more, nor applied. False when a reading goes on after `patience`: it
    /// uses what the process ends with.
    [[nodiscard]] bool end();

 private:
    class Way;
    void begin();
    void finish(FreshConfiguration fresh);
    [[nodiscard]] ReloadOutcome apply(FreshConfiguration fresh);
    void give_up_waiting(std::uint64_t reading);
    [[nodiscard]] ReloadOutcome still_hangs() const;

    Log& log_;
    Prepare prepare_;
    Apply apply_;
    const std::chrono::milliseconds hangs_after_;
    std::shared_ptr<Way> way_;  ///< shared with the thread that reads
    bool reading_ = false;
    std::uint64_t readings_ = 0;  ///< begun
    bool hangs_ = false;
    bool again_ = false;  ///< somebody asked while it hung
    std::vector<Done> current_;
    std::vector<Done> next_;
};

}  // namespace mesh::app
