#pragma once
#include "control/reconciler.hpp"
#include "unit/control/support/facts.hpp"
#include "unit/control/support/fake_ca.hpp"
#include "unit/control/support/fake_publisher.hpp"
#include "unit/control/support/manual_executor.hpp"
#include "unit/control/support/memory_store.hpp"
#include "unit/control/support/recording_log.hpp"

#include <memory>
#include <string>
#include <vector>

namespace mesh::control::test {

inline const std::string directory = "https://ca.test/dir";

/// A process with its reconciler, and around it what outlives the process: store, CA, time.
class World {
 public:
    explicit World(WallTime start = at("2026-01-01T00:00:00Z"));

    /// A new process on the same store: reads it and wants what was wanted.
    void start();
    /// kill -9.
    void kill();
    void want();
    /// Adds to what is wanted; the first name is the main one.
    model::WantedCertificate& add(const std::vector<std::string>& names,
                                  const std::string& of_directory = directory);
    void run_for(std::chrono::milliseconds span) { executor.run_for(span); }
    bool run_until(const std::function<bool()>& holds,
                   std::chrono::milliseconds limit = std::chrono::hours{1}) {
        return executor.run_until(holds, limit);
    }
    /// True when a valid certificate for the name is served.
    [[nodiscard]] bool live(const std::string& name) const;
    [[nodiscard]] bool all_live() const;

    ManualClock clock;
    ManualExecutor executor{clock};
    MemoryStore store;
    RecordingLog log;
    std::unique_ptr<FakePublisher> publisher;
    std::map<std::string, std::unique_ptr<FakeCa>> cas;
    FakeCa& ca;
    model::WantedSet wanted;
    std::map<std::string, model::CertResolver> resolvers;
    WallTime build_time = at("2025-01-01T00:00:00Z");
    std::size_t open_orders_max = 1'000;
    std::size_t clients_made = 0;
    bool held = false;  ///< the next process, at first
    std::unique_ptr<Reconciler> reconciler;

 private:
    FakeCa& ca_at(const std::string& url);
};

}  // namespace mesh::control::test
