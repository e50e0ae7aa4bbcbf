#include "proxy/pool_table.hpp"

#include <algorithm>
#include <utility>

namespace mesh::proxy {

PoolPtr PoolTable::of(const Service& service) const {
    if (!service.is_followed) return service.first;
    const auto found = pools_.find(&service);
    return found == pools_.end() || found->second.service.expired() ? service.first
                                                                    : found->second.pool;
}

void PoolTable::set(const std::shared_ptr<const Service>& service, PoolPtr pool) {
    if (pools_.size() >= sweep_at_) {
        std::erase_if(pools_, [](const auto& entry) { return entry.second.service.expired(); });
        sweep_at_ = std::max(sweep_least, 2 * pools_.size());
    }
    pools_.insert_or_assign(service.get(), Entry{service, std::move(pool)});
}

}  // namespace mesh::proxy
