#pragma once
#include "certs/certificate_index.hpp"
#include "control/publisher.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <vector>

namespace mesh::control {

/// Which order has its challenge published for which name. The listener answers one challenge
/// per name, so an order takes all of its names at once or none: two orders that share names
/// (another CA, another set) validate one after the other and can never wait for each other in a
/// circle.
class ChallengeBoard {
 public:
    using Owner = std::uint64_t;

    /// `retry(owner)` is called, not from inside a call of the owner's, when a name it wanted came
    /// free.
    ChallengeBoard(Publisher& publisher, std::function<void(Owner)> retry);

    /// True: every name belongs to `owner` now. False: none does, and `retry` will come.
    [[nodiscard]] bool take(Owner owner, const std::vector<Hostname>& names);
    /// Publishes; `done` runs when every worker answers. The name must have been taken.
    void publish(Owner owner,
                 const Hostname& name,
                 certs::CredentialPtr credential,
                 std::function<void()> done);
    /// The name's authorization has ended.
    void release(Owner owner, const Hostname& name);
    /// The order has ended: all of its names, and its place in the queue.
    void release_all(Owner owner);
    /// Withdraws everything; nobody is told.
    void clear();
    /// From now on what is published stays so, whoever releases it; returns the names.
    [[nodiscard]] std::vector<Hostname> leave_published();

    [[nodiscard]] std::size_t size() const { return held_.size(); }

 private:
    struct Hold {
        Owner owner = 0;
        bool published = false;
    };
    void withdraw(std::map<Hostname, Hold>::iterator hold);
    void stop_waiting(Owner owner);
    void wake_waiting_for(const std::vector<Hostname>& names);

    Publisher& publisher_;
    std::function<void(Owner)> retry_;
    bool leaves_published_ = false;
    std::map<Hostname, Hold> held_;
    std::map<Owner, std::set<Hostname>> names_of_;
    std::map<Owner, Hostname> waits_for_;  ///< the first of its names that was held
    std::map<Hostname, std::set<Owner>> waiting_;
};

}  // namespace mesh::control
