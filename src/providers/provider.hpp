#pragma once
#include "base/clock.hpp"
#include "base/executor.hpp"
#include "base/log.hpp"
#include "config/inventory.hpp"
#include "http/client.hpp"
#include "model/providers.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

/// Daemons whose labels and tags define routers and services. Each yields complete inventories;
/// what they mean is config's business.
namespace mesh::providers {

struct ProviderState {
    bool reachable = false;  ///< it answered last time
    std::string reason;      ///< why not; one line
    WallTime since{};        ///< of either
    std::size_t units = 0;   ///< in the inventory reported last
};

/// Follows one daemon for as long as it lives. Everything runs on the executor, nothing blocks it.
/// When the daemon goes away, the inventory reported last stays; it is tried again with growing
/// pauses and reported anew once it answers. `provider_down` and `provider_up` are logged when that
/// changes, not at every try.
class Provider {
 public:
    virtual ~Provider() = default;
    /// On the executor.
    [[nodiscard]] virtual ProviderState state() const = 0;
};

/// What the providers work with; all outlive them.
struct Surroundings {
    http::Client& http;
    Executor& executor;
    const Clock& clock;
    Log& log;
};

/// On the executor, whenever the inventory differs from the one reported last, and with the first
/// one even if it is empty. Never from within a function that makes a provider, and never after its
/// destructor.
using Report = std::function<void(config::InventoryPtr)>;

[[nodiscard]] std::unique_ptr<Provider> make_docker(const model::DockerProvider& settings,
                                                    const Surroundings& surroundings,
                                                    Report report);
[[nodiscard]] std::unique_ptr<Provider> make_consul_catalog(
    const model::ConsulCatalogProvider& settings, const Surroundings& surroundings, Report report);

}  // namespace mesh::providers
