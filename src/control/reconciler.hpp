#pragma once
#include "acme/client.hpp"
#include "base/clock.hpp"
#include "base/executor.hpp"
#include "base/log.hpp"
#include "control/import.hpp"
#include "control/live.hpp"
#include "control/publisher.hpp"
#include "model/wanted.hpp"
#include "store/store.hpp"

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>

namespace mesh::control {

struct ReconcilerSettings {
    /// Makes the client of a resolver's CA. Called once per directory and trust.
    std::function<std::unique_ptr<acme::Client>(const model::CertResolver&)> make_client;
    WallTime build_time;     ///< a clock before it is wrong: no orders
    std::uint64_t seed = 0;  ///< of jitter
    std::size_t open_orders_max = 1'000;
};

/// Keeps every wanted certificate: compares the wanted set with the store, holds one next action
/// at time T per certificate in one heap, drives orders step by step (each step one committed
/// transition), proves what comes back, publishes it, renews it for ever. Lives on one executor.
class Reconciler {
 public:
    Reconciler(ReconcilerSettings settings,
               store::Store& store,
               Publisher& publisher,
               Executor& executor,
               const Clock& clock,
               Log& log);
    ~Reconciler();

    /// Reads the store's orders, accounts and schedules. Publishes nothing: the start-up index is
    /// given to the data plane by the caller from the same records. Blocking, before start.
    [[nodiscard]] Status load();
    /// Sets what is wanted. Keeps back-offs and orders of what stays wanted.
    void want(const model::WantedSet& wanted,
              const std::map<std::string, model::CertResolver>& resolvers);
    /// The chain or the key of this version is lost: what it is the current version of is ordered,
    /// as if it had none, when it is wanted. Its back-off stays.
    void order_again(std::int64_t certificate_id, std::int64_t version_id);

    // What people ask of a running mesh. All on the executor; none waits.

    /// Certificates wanted and stored, as `plan` would show them, some at a time.
    [[nodiscard]] LinePage lines(const LineQuery& query) const;
    /// How many wanted certificates there are in each state.
    [[nodiscard]] std::map<CertificateState, std::size_t> states() const;
    [[nodiscard]] std::vector<CaLine> authorities() const;
    /// Orders now, whatever the schedule says. Ends waits of ours, never one the CA asked for.
    [[nodiscard]] std::vector<RenewLine> renew(const RenewRequest& request);
    /// Checks, commits, then serves certificates got elsewhere, and ends an order they make
    /// superfluous. `done` runs once with a line for each item, in order, when the last one is on
    /// disk. At most `import_batch_size` items.
    void import(const ImportTarget& target, std::vector<ImportItem> items, ImportDone done);

    /// Challenges of orders under way are published, but the CA is asked for no order and told of
    /// no challenge until release(): whom it looks at then, another process decides. Before want().
    void hold();
    void release();
    /// No new steps; what is in flight is dropped (its order is a row and goes on next time).
    void stop();
    /// stop(), for another process that goes on with the orders: until it does, the challenges stay
    /// published. Returns the names of those.
    [[nodiscard]] std::vector<Hostname> stop_for_another();
    /// Whether the challenges of all orders are published that a CA may be looking for now, having
    /// been told to by an earlier process.
    [[nodiscard]] bool answers_the_cas() const;

 private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace mesh::control
