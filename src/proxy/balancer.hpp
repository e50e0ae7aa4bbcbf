#pragma once
#include "base/clock.hpp"
#include "proxy/service.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace mesh::proxy {

/// Who comes when in one round in which the i-th comes `turns[i]` times, spread as evenly as can
/// be; of those due at once the first goes first. Longer rounds than model::round_max are cut
/// short: shares are then about those, and nobody who had a turn has none.
[[nodiscard]] std::vector<std::uint32_t> round_of(std::vector<std::uint64_t> turns);

/// Whom a connection may go to: who is out is passed over, until there is no other. Who is down, or
/// has no address, is never one.
enum class Among { those_in, all };

/// What those who choose know of servers now; called while the choice lasts.
struct ServersNow {
    std::function<PoolPtr(const Service&)> pool_of;
    /// There is somewhere to dial. Nothing is held against a server of which that is not so.
    std::function<bool(const Pool::Member&)> has_address;
};

/// One connection's way through the servers of a service: whom its strategy says, then, where that
/// one could not be reached, others. Those that are out come last, and those without a weight are
/// no candidates while another one has some. Used by one thread; any number of them may choose at
/// once, and shares and counts are exact over all.
class ServerChoice {
 public:
    /// Both must outlive it.
    ServerChoice(Service& service, const ServersNow& servers)
        : service_(service), servers_(servers), pool_(servers.pool_of(service)) {}

    struct Chosen {
        const Pool::Member* member = nullptr;  ///< of the pool
        ServerSlot slot;
        bool is_trial = false;  ///< it was out; see ServerState::claim_trial()
    };
    /// A server that was not chosen before, counted already; nothing when there is no other.
    [[nodiscard]] std::optional<Chosen> next(SteadyTime now, Among among);

 private:
    [[nodiscard]] std::optional<Chosen> whose_turn(SteadyTime now);
    [[nodiscard]] std::optional<Chosen> next_in_turn(SteadyTime now, Among among);
    [[nodiscard]] std::optional<Chosen> least_loaded(SteadyTime now, Among among);
    [[nodiscard]] bool has_tried(std::size_t index) const;
    [[nodiscard]] ServerState::Standing standing(std::size_t index, SteadyTime now) const;
    [[nodiscard]] bool is_candidate(std::size_t index, SteadyTime now, Among among) const;
    [[nodiscard]] std::optional<std::size_t> substitute(SteadyTime now) const;
    [[nodiscard]] Chosen take(std::size_t index, bool is_trial = false);

    Service& service_;
    const ServersNow& servers_;
    const PoolPtr pool_;
    std::vector<std::size_t> tried_;
    std::optional<std::size_t> at_;  ///< where the search begins
};

/// The same through a service that may be made of others: whose turn it is, and its servers as they
/// say; where it has none left, the services beside it.
class ServiceChoice {
 public:
    /// Both must outlive it.
    ServiceChoice(Service& service, const ServersNow& servers);

    struct Chosen : ServerChoice::Chosen {
        const Service* service = nullptr;  ///< whose server it is
    };
    /// As ServerChoice::next().
    [[nodiscard]] std::optional<Chosen> next(SteadyTime now);

 private:
    [[nodiscard]] std::optional<Chosen> next(SteadyTime now, Among among);
    [[nodiscard]] std::size_t whose_turn(SteadyTime now) const;
    [[nodiscard]] bool has_any_in(const Service& service, SteadyTime now) const;

    Service& service_;
    const ServersNow& servers_;
    std::optional<ServerChoice> own_;                    ///< of a service not made of others
    std::vector<std::unique_ptr<ServiceChoice>> parts_;  ///< those looked into
    std::optional<std::size_t> at_;                      ///< whose turn it was
};

}  // namespace mesh::proxy
