// The reconciler on the store it really runs on.
#include "support/catch.hpp"
#include "unit/control/support/world.hpp"

#include <filesystem>
#include <thread>

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;
namespace fs = std::filesystem;

namespace {

/// A process on a database file, with its commits in real time and all else in virtual time.
class RealProcess {
 public:
    RealProcess(World& world, const std::string& path) : world_(world) {
        auto opened = store::open(path, store::Access::own, world.log);
        REQUIRE(opened.has_value());
        store = std::move(*opened);
        ReconcilerSettings settings;
        settings.make_client = [&](const auto&) { return world.ca.make_client(); };
        settings.seed = 7;
        reconciler = std::make_unique<Reconciler>(
            settings, *store, *world.publisher, world.executor, world.clock, world.log);
        REQUIRE(reconciler->load().has_value());
        reconciler->want(world.wanted, world.resolvers);
    }
    ~RealProcess() {
        reconciler.reset();
        store.reset();
        world_.executor.drop_all();
    }

    bool run_until(const std::function<bool()>& holds) {
        const auto deadline = std::chrono::steady_clock::now() + 60s;
        while (!holds() && std::chrono::steady_clock::now() < deadline) {
            world_.run_for(10ms);
            std::this_thread::yield();
        }
        return holds();
    }

    std::unique_ptr<store::Store> store;
    std::unique_ptr<Reconciler> reconciler;

 private:
    World& world_;
};

}  // namespace

TEST_CASE("real store: orders, restarts in the middle and renewals end where they should") {
    std::string folder = (fs::temp_directory_path() / "mesh-control-XXXXXX").string();
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    const std::string path = folder + "/mesh.db";
    World world;
    world.ca.polls_until_valid = 1;
    world.ca.polls_until_issued = 1;
    for (int i = 0; i < 5; ++i) {
        const std::string name = "n" + std::to_string(i) + ".example";
        world.add({name, "www." + name});
    }

    for (std::size_t finalized : {1U, 3U}) {
        RealProcess process{world, path};
        REQUIRE(process.run_until([&] { return world.ca.finalized >= finalized; }));
    }
    {
        RealProcess process{world, path};
        REQUIRE(process.run_until(
            [&] { return process.store->orders().value().empty() && world.ca.issued == 5; }));
        const auto stored = process.store->certificates().value();
        REQUIRE(stored.size() == 5);
        for (const auto& certificate : stored) {
            REQUIRE(certificate.version.has_value());
            const auto material = process.store->version(certificate.version_id);
            REQUIRE(material.has_value());
            const auto credential =
                tls::Credential::from_pem(material->chain_pem, material->key_pem.reveal());
            REQUIRE(credential.has_value());
            CHECK((*credential)->facts().serial == certificate.version->serial);
        }
        CHECK(world.ca.orders_made == 5);
        CHECK(world.ca.finalized_twice == 0);
        CHECK(world.ca.account_keys.size() == 1);

        world.clock.advance(days{61} + 20h);
        CHECK(process.run_until([&] { return world.ca.issued == 10; }));
    }
    fs::remove_all(folder);
}
