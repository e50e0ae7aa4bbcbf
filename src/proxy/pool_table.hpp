#pragma once
#include "proxy/service.hpp"

#include <memory>
#include <unordered_map>

namespace mesh::proxy {

/// The servers that followed services have now. Each worker has a table of its own, which the
/// control plane changes by messages; a service that it has told nothing about has those it began
/// with. One thread.
class PoolTable {
 public:
    [[nodiscard]] PoolPtr of(const Service& service) const;
    /// Forgets services that are no more, before they are as many as those that are.
    void set(const std::shared_ptr<const Service>& service, PoolPtr pool);

    [[nodiscard]] std::size_t size() const { return pools_.size(); }
    static constexpr std::size_t sweep_least = 64;

 private:
    struct Entry {
        std::weak_ptr<const Service> service;  ///< another one may come to lie at its address
        PoolPtr pool;
    };
    std::unordered_map<const Service*, Entry> pools_;
    std::size_t sweep_at_ = sweep_least;  ///< entries; a sweep looks at all of them
};

}  // namespace mesh::proxy
