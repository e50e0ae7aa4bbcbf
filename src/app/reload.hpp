#pragma once
#include "app/loaded_configuration.hpp"
#include "base/clock.hpp"
#include "base/executor.hpp"
#include "observe/log_output.hpp"
#include "proxy/snapshot.hpp"
#include "store/store.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace mesh::app {

/// A configuration that was read again, and what the data path would make of it.
struct FreshConfiguration {
    LoadedConfiguration loaded;
    bool asked = false;  ///< somebody asked; else watched files have changed
    std::shared_ptr<const proxy::Snapshot> snapshot;  ///< set if there is no error
    std::optional<observe::LogOutput> log_output;     ///< set if the log goes elsewhere
    std::unique_ptr<store::Store> store;              ///< set if the first resolver came
    std::vector<store::StoredCertificate> stored;     ///< in it
};

/// What became of a reload.
struct ReloadOutcome {
    bool applied = false;
    std::vector<config::Finding> findings;  ///< as `mesh check` has them
    std::string summary;                    ///< one line, as that of `mesh check`
};

/// Lets the configuration be read on a thread of its own (disks and name servers may be slow) and
/// applied on the executor, one reading at a time. Who asks while one goes on shares the next,
/// which begins after it: what is applied was on disk when it was asked for.
class Reload {
 public:
    using Read = std::function<FreshConfiguration()>;
    using Apply = std::function<ReloadOutcome(FreshConfiguration)>;
    using Done = std::function<void(const ReloadOutcome&)>;

    /// More wait for one reading only if somebody repeats the command in a loop.
    static constexpr std::size_t waiting_max = 100;

    Reload(Executor& executor, Read read, Apply apply);
    /// Waits for the reading that goes on.
    ~Reload();
    Reload(const Reload&) = delete;
    Reload& operator=(const Reload&) = delete;

    /// On the executor; `done` runs there once.
    void request(Done done);

 private:
    void begin();
    void read();
    void post_finish(FreshConfiguration fresh);
    void finish(FreshConfiguration fresh);

    Executor& executor_;
    Read read_;
    Apply apply_;
    std::thread reader_;
    bool reading_ = false;
    std::vector<Done> current_;
    std::vector<Done> next_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace mesh::app
