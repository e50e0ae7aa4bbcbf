#pragma once
#include "providers/consul_query.hpp"
#include "providers/consul_wire.hpp"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace mesh::providers {

/// Tells which checks of the datacenter entered or left the states that matter, or changed in one:
/// one blocking query for each state. It is for services that have no query of their own.
class ConsulBells {
 public:
    /// What may have changed.
    struct Heard {
        /// Node and service of a check; once for each answer.
        std::function<void(const ConsulCheck&)> check;
        /// Nobody knows what.
        std::function<void()> anything;
    };

    /// Those given outlive it.
    ConsulBells(const model::ConsulCatalogProvider& settings,
                const Surroundings& surroundings,
                ConsulPace& pace,
                Heard heard);

    [[nodiscard]] bool hung() const { return !bells_.empty(); }
    /// Begins to listen. The first answer tells nothing.
    void hang();
    void take_down() { bells_.clear(); }

 private:
    struct Bell {
        std::unique_ptr<ConsulQuery> query;
        std::set<ConsulCheck> checks;
        std::vector<ConsulCheck> changed;  ///< with the last answer
        bool known = false;
    };

    void take(Bell& bell, const Result<http::Response>& answer);
    void compare(Bell& bell, std::set<ConsulCheck> now);
    void fail(Bell& bell, const Error& error);

    const model::ConsulCatalogProvider& settings_;
    const Surroundings surroundings_;
    ConsulPace& pace_;
    const Heard heard_;
    bool told_ = false;
    std::vector<std::unique_ptr<Bell>> bells_;
};

}  // namespace mesh::providers
