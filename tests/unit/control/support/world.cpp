#include "unit/control/support/world.hpp"

#include "support/catch.hpp"
#include "unit/control/support/served.hpp"

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
    wanted.certificates.push_back(wanted_certificate(of_directory, names, "le"));
    return wanted.certificates.back();
}

void World::start() {
    publisher = std::make_unique<FakePublisher>(executor);
    for (auto& [url, authority] : cas) authority->set_publisher(*publisher);
    serve_stored(store, *publisher);
    ReconcilerSettings settings;
    settings.make_client = [this](const model::CertResolver& resolver) {
        ++clients_made;
        return ca_at(resolver.ca_server).make_client();
    };
    settings.build_time = build_time;
    settings.seed = 42;
    settings.open_orders_max = open_orders_max;
    reconciler = std::make_unique<Reconciler>(settings, store, *publisher, executor, clock, log);
    if (held) reconciler->hold();
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
    return is_live(*publisher, name, clock.now());
}

bool World::all_live() const {
    return test::all_live(*publisher, wanted, clock.now());
}

}  // namespace mesh::control::test
