#include "certs/challenge_table.hpp"

namespace mesh::certs {

void ChallengeTable::put(const Hostname& name, std::shared_ptr<const tls::Credential> credential) {
    answers_.insert_or_assign(name, std::move(credential));
}

void ChallengeTable::remove(const Hostname& name) {
    answers_.erase(name);
}

std::shared_ptr<const tls::Credential> ChallengeTable::find(const Hostname& name) const {
    const auto found = answers_.find(name);
    return found == answers_.end() ? nullptr : found->second;
}

}  // namespace mesh::certs
