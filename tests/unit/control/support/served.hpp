#pragma once
#include "base/clock.hpp"
#include "control/identity.hpp"
#include "model/wanted.hpp"
#include "store/store.hpp"
#include "unit/control/support/fake_publisher.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace mesh::control::test {

/// As a router wants it; the first name is the main one.
inline model::WantedCertificate wanted_certificate(const std::string& of_directory,
                                                   const std::vector<std::string>& names,
                                                   const std::string& resolver) {
    model::WantedCertificate certificate;
    certificate.key = {of_directory, identity_names(names)};
    for (const std::string& name : names)
        certificate.names.push_back(HostPattern::parse(name).value());
    certificate.resolver = resolver;
    certificate.routers = {"router"};
    return certificate;
}

/// What the application does at start: stored certificates are served at once.
inline void serve_stored(store::Store& store, FakePublisher& publisher) {
    const auto certificates = store.certificates().value();
    for (const store::StoredCertificate& stored : certificates) {
        if (!stored.version) continue;
        auto entry = std::make_shared<certs::CertificateEntry>();
        entry->id = stored.certificate_id;
        entry->version = stored.version_id;
        entry->directory = stored.record.key.directory;
        for (const std::string& name : stored.record.key.names)
            entry->names.push_back(HostPattern::parse(name).value());
        entry->not_before = stored.version->not_before;
        entry->not_after = stored.version->not_after;
        const auto material = store.version(stored.version_id).value();
        publisher.served[entry->id] = {
            entry,
            tls::Credential::from_pem(material.chain_pem, material.key_pem.reveal()).value()};
    }
}

/// True when a certificate for the name is served that is valid at `now`.
inline bool is_live(const FakePublisher& publisher, const std::string& name, WallTime now) {
    const FakePublisher::Served* served = publisher.find(name);
    return served != nullptr && served->entry->not_before <= now && now < served->entry->not_after;
}

inline bool all_live(const FakePublisher& publisher, const model::WantedSet& wanted, WallTime now) {
    return std::all_of(wanted.certificates.begin(),
                       wanted.certificates.end(),
                       [&](const model::WantedCertificate& certificate) {
                           return is_live(publisher, certificate.key.names.front(), now);
                       });
}

}  // namespace mesh::control::test
