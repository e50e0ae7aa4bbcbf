#include "control/challenge_board.hpp"

#include <algorithm>
#include <utility>

namespace mesh::control {

ChallengeBoard::ChallengeBoard(Publisher& publisher, std::function<void(Owner)> retry)
    : publisher_(publisher), retry_(std::move(retry)) {}

bool ChallengeBoard::take(Owner owner, const std::vector<Hostname>& names) {
    stop_waiting(owner);
    const auto taken = std::find_if(names.begin(), names.end(), [&](const Hostname& name) {
        const auto found = held_.find(name);
        return found != held_.end() && found->second.owner != owner;
    });
    if (taken != names.end()) {
        waits_for_.emplace(owner, *taken);
        waiting_[*taken].insert(owner);
        return false;
    }
    for (const Hostname& name : names) {
        held_.try_emplace(name, Hold{owner, false});
        names_of_[owner].insert(name);
    }
    return true;
}

void ChallengeBoard::publish(Owner owner,
                             const Hostname& name,
                             certs::CredentialPtr credential,
                             std::function<void()> done) {
    const auto found = held_.find(name);
    if (found == held_.end() || found->second.owner != owner) return;
    found->second.published = true;
    publisher_.put_challenge(name, std::move(credential), std::move(done));
}

void ChallengeBoard::release(Owner owner, const Hostname& name) {
    const auto found = held_.find(name);
    if (found == held_.end() || found->second.owner != owner) return;
    withdraw(found);
    if (const auto names = names_of_.find(owner); names != names_of_.end()) {
        names->second.erase(name);
        if (names->second.empty()) names_of_.erase(names);
    }
    wake_waiting_for({name});
}

void ChallengeBoard::release_all(Owner owner) {
    stop_waiting(owner);
    const auto names = names_of_.extract(owner);
    if (names.empty()) return;
    for (const Hostname& name : names.mapped())
        if (const auto found = held_.find(name); found != held_.end()) withdraw(found);
    wake_waiting_for({names.mapped().begin(), names.mapped().end()});
}

void ChallengeBoard::clear() {
    waiting_.clear();
    waits_for_.clear();
    names_of_.clear();
    while (!held_.empty()) withdraw(held_.begin());
}

std::vector<Hostname> ChallengeBoard::leave_published() {
    leaves_published_ = true;
    std::vector<Hostname> names;
    for (const auto& [name, hold] : held_)
        if (hold.published) names.push_back(name);
    return names;
}

void ChallengeBoard::withdraw(std::map<Hostname, Hold>::iterator hold) {
    if (hold->second.published && !leaves_published_) publisher_.remove_challenge(hold->first);
    held_.erase(hold);
}

void ChallengeBoard::stop_waiting(Owner owner) {
    const auto found = waits_for_.find(owner);
    if (found == waits_for_.end()) return;
    const auto queue = waiting_.find(found->second);
    queue->second.erase(owner);
    if (queue->second.empty()) waiting_.erase(queue);
    waits_for_.erase(found);
}

void ChallengeBoard::wake_waiting_for(const std::vector<Hostname>& names) {
    std::set<Owner> woken;
    for (const Hostname& name : names)
        if (auto queue = waiting_.extract(name)) woken.merge(queue.mapped());
    for (const Owner owner : woken) waits_for_.erase(owner);
    // Each of them asks again, and waits again if another of its names is held.
    for (const Owner owner : woken) retry_(owner);
}

}  // namespace mesh::control
