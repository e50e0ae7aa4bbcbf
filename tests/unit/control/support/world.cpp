#include "unit/control/support/world.hpp"

#include "control/identity.hpp"
#include "support/catch.hpp"

#include <algorithm>

namespace mesh::control::test {

World::World(WallTime start_time)
    : clock(start_time),
      publisher(std::make_unique<FakePublisher>(executor)),
      ca(ca_at(directory)) {
    model::CertResolver resolver;
    resolver.name = "le";
    resolver.email = "admin@example.com";
    resolver.ca_server = directory;
    resolver.tls_challenge = true;
    resolvers["le"] = resolver;
}

FakeCa& World::ca_at(const std::string& url) {
    auto& found = cas[url];
    if (found == nullptr) found = std::make_unique<FakeCa>(clock, executor, *publisher);
    return *found;
}

model::WantedCertificate& World::add(const std::vector<std::string>& names,
                                     const std::string& of_directory) {
    model::WantedCertificate certificate;
    certificate.key = {of_directory, identity_names(names)};
    for (const std::string& name : names)
        certificate.names.push_back(HostPattern::parse(name).value());
    certificate.resolver = "le";
    certificate.routers = {"router"};
    wanted.certificates.push_back(certificate);
    return wanted.certificates.back();
}

void World::start() {
    publisher = std::make_unique<FakePublisher>(executor);
    for (auto& [url, authority] : cas) authority->set_publisher(*publisher);
    // What the application does at start: the stored certificates are served at once.
    const auto certificates = store.certificates().value();
    for (const auto& stored : certificates) {
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
        auto credential = tls::Credential::from_pem(material.chain_pem, material.key_pem.reveal());
        publisher->served[entry->id] = {entry, credential.value()};
    }
    ReconcilerSettings settings;
    settings.make_client = [this](const model::CertResolver& resolver) {
        ++clients_made;
        return ca_at(resolver.ca_server).make_client();
    };
    settings.build_time = build_time;
    settings.seed = 42;
    settings.open_orders_max = open_orders_max;
    reconciler = std::make_unique<Reconciler>(settings, store, *publisher, executor, clock, log);
    REQUIRE(reconciler->load().has_value());
    want();
}

void World::kill() {
    executor.drop_all();
    reconciler.reset();
    executor.drop_all();
}

void World::want() {
    reconciler->want(wanted, resolvers);
}

bool World::live(const std::string& name) const {
    const FakePublisher::Served* served = publisher->find(name);
    return served != nullptr && served->entry->not_before <= clock.now() &&
           clock.now() < served->entry->not_after;
}

bool World::all_live() const {
    return std::all_of(wanted.certificates.begin(),
                       wanted.certificates.end(),
                       [this](const model::WantedCertificate& certificate) {
                           return live(certificate.key.names.front());
                       });
}

}  // namespace mesh::control::test
