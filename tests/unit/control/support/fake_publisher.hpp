#pragma once
#include "base/executor.hpp"
#include "control/publisher.hpp"

#include <map>

namespace mesh::control::test {

/// What the data plane would serve.
class FakePublisher final : public Publisher {
 public:
    explicit FakePublisher(Executor& executor) : executor_(executor) {}

    void put_certificate(certs::EntryPtr entry, certs::CredentialPtr credential) override {
        ++puts;
        const certs::CertificateId id = entry->id;
        served[id] = {std::move(entry), std::move(credential)};
    }
    void remove_certificate(certs::CertificateId id) override { served.erase(id); }
    void put_challenge(const Hostname& name,
                       certs::CredentialPtr credential,
                       std::function<void()> done) override {
        challenges[name.text()] = std::move(credential);
        challenges_max = std::max(challenges_max, challenges.size());
        executor_.post(std::move(done));
    }
    void remove_challenge(const Hostname& name) override { challenges.erase(name.text()); }

    struct Served {
        certs::EntryPtr entry;
        certs::CredentialPtr credential;
    };
    /// The longest-lived served certificate for the name, or nothing.
    [[nodiscard]] const Served* find(const std::string& name) const {
        const Served* best = nullptr;
        for (const auto& [id, candidate] : served)
            for (const HostPattern& pattern : candidate.entry->names)
                if (pattern.text() == name &&
                    (best == nullptr || best->entry->not_after < candidate.entry->not_after))
                    best = &candidate;
        return best;
    }

    std::map<certs::CertificateId, Served> served;
    std::map<std::string, certs::CredentialPtr> challenges;
    std::size_t challenges_max = 0;
    std::size_t puts = 0;

 private:
    Executor& executor_;
};

}  // namespace mesh::control::test
