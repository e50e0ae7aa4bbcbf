#include "fixture.hpp"

namespace mesh::store {
namespace {

/// Whether the bytes are anywhere on disk: the database, its log, its shared memory.
bool on_disk(const std::string& path, const std::string& bytes) {
    for (const char* ending : {"", "-wal", "-shm", "-journal"})
        if (bytes_of(path + ending).find(bytes) != std::string::npos) return true;
    return false;
}

/// Twice, because between looking at the two files what is in one may move to the other.
bool is_on_disk(const std::string& path, const std::string& bytes) {
    return on_disk(path, bytes) || on_disk(path, bytes);
}

bool gone_within(const std::string& path, const std::string& bytes, std::chrono::seconds deadline) {
    const auto until = std::chrono::steady_clock::now() + deadline;
    while (is_on_disk(path, bytes)) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
}

}  // namespace

TEST_CASE("store: a new version is current, two previous ones are kept, older ones are wiped",
          "[store][versions]") {
    TempFolder folder;
    TestExecutor executor;
    const std::string path = folder.file("mesh.db");
    auto store = open_own(path);
    std::vector<std::int64_t> ids;
    REQUIRE(commit(*store, executor, {PutCertificate{a_certificate("a.example")}}));
    for (int i = 1; i <= 4; ++i) {
        const auto applied = commit(
            *store, executor, {a_version("a.example", "private key number " + std::to_string(i))});
        REQUIRE(applied);
        ids.push_back(applied->version_id);
    }

    const auto certificates = store->certificates();
    REQUIRE(certificates);
    REQUIRE(certificates->size() == 1);
    CHECK(certificates->front().version_id == ids[3]);
    const auto versions = store->versions(key_of({"a.example"}));
    REQUIRE(versions);
    REQUIRE(versions->size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK((*versions)[i].version_id == ids[3 - i]);
        CHECK((*versions)[i].current == (i == 0));
        CHECK((*versions)[i].facts.not_after == certificates->front().version->not_after);
    }
    CHECK(store->versions(key_of({"b.example"}))->empty());
    CHECK_FALSE(store->version(ids[0]));
    for (std::size_t i = 1; i < 4; ++i) {
        const auto material = store->version(ids[i]);
        REQUIRE(material);
        CHECK(material->key_pem.reveal() == "private key number " + std::to_string(i + 1));
    }
}

TEST_CASE("store: a key that was wiped is nowhere on disk, while the store is open",
          "[store][versions]") {
    TempFolder folder;
    TestExecutor executor;
    const std::string path = folder.file("mesh.db");
    auto store = open_own(path);
    REQUIRE(commit(*store,
                   executor,
                   {PutCertificate{a_certificate("a.example")},
                    a_version("a.example", "the key to be wiped " + std::string(3000, 'k'))}));
    REQUIRE(is_on_disk(path, "the key to be wiped"));

    for (int i = 0; i < 3; ++i)
        REQUIRE(commit(*store, executor, {a_version("a.example", "another")}));

    CHECK(gone_within(path, "the key to be wiped", std::chrono::seconds(10)));
    CHECK(gone_within(path, std::string(200, 'k'), std::chrono::seconds(10)));
}

TEST_CASE("store: the key of a deleted order and of a deleted certificate are wiped",
          "[store][versions]") {
    TempFolder folder;
    TestExecutor executor;
    const std::string path = folder.file("mesh.db");
    auto store = open_own(path);
    OrderRecord order;
    order.key = key_of({"a.example"});
    order.names = order.key.names;
    order.key_pem = Secret("key of the order");
    REQUIRE(commit(*store,
                   executor,
                   {PutCertificate{a_certificate("a.example")},
                    PutOrder{order},
                    a_version("a.example", "key of the version")}));
    REQUIRE(commit(*store, executor, {DeleteOrder{order.key}}));
    CHECK(gone_within(path, "key of the order", std::chrono::seconds(10)));
    CHECK(is_on_disk(path, "key of the version"));

    REQUIRE(commit(*store, executor, {DeleteCertificate{order.key}}));
    CHECK(gone_within(path, "key of the version", std::chrono::seconds(10)));
}

TEST_CASE("store: an id is never used twice", "[store][versions]") {
    TempFolder folder;
    TestExecutor executor;
    auto store = open_own(folder.file("mesh.db"));
    const auto first =
        commit(*store,
               executor,
               {PutCertificate{a_certificate("a.example")}, a_version("a.example", "first")});
    REQUIRE(first);
    REQUIRE(commit(*store, executor, {DeleteCertificate{key_of({"a.example"})}}));
    const auto second =
        commit(*store,
               executor,
               {PutCertificate{a_certificate("b.example")}, a_version("b.example", "second")});
    REQUIRE(second);
    CHECK(second->version_id > first->version_id);
    CHECK(second->certificate_id > first->certificate_id);
}

TEST_CASE("store: a version or an order without a certificate record is refused by name",
          "[store][versions]") {
    TempFolder folder;
    TestExecutor executor;
    auto store = open_own(folder.file("mesh.db"));
    OrderRecord order;
    order.key = key_of({"a.example"});
    order.key_pem = Secret("very secret");
    for (const Change& change :
         {Change{a_version("a.example", "very secret")}, Change{PutOrder{order}}}) {
        const auto applied = commit(*store, executor, {change});
        REQUIRE_FALSE(applied);
        CHECK(applied.error().code == Errc::not_found);
        CHECK(applied.error().message ==
              "the store has no certificate record for a.example of https://ca.example/dir");
    }
}

}  // namespace mesh::store
