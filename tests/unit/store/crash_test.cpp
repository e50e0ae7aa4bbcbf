#include "child.hpp"
#include "fixture.hpp"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>

#include <random>
#include <set>

namespace mesh::store {
namespace {

std::string integrity_of(const std::string& path) {
    SQLite::Database database(path);
    return database.execAndGet("PRAGMA integrity_check").getString();
}

/// The numbers in every certificate's history: what the child's transitions wrote.
std::set<int> stored_numbers(Store& store) {
    std::set<int> numbers;
    for (int i = 0; i < 20; ++i) {
        const auto history = store.history(
            {"https://ca.example/dir", {"c" + std::to_string(i) + ".example"}}, 1'000'000);
        if (!history) throw std::runtime_error(history.error().message);
        for (const HistoryRecord& record : *history) numbers.insert(std::stoi(record.detail));
    }
    return numbers;
}

}  // namespace

TEST_CASE("store: killed at any moment, everything acknowledged is there and nothing in halves",
          "[store][crash]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    std::set<int> acknowledged;
    int next = 0;
    for (int round = 0; round < 12; ++round) {
        Child child({"write", path, std::to_string(next)});
        for (int i = 0; i < 5 + 13 * round; ++i) {
            const auto line = child.line();
            REQUIRE(line);
            acknowledged.insert(std::stoi(*line));
        }
        child.kill();
        while (const auto line = child.line()) acknowledged.insert(std::stoi(*line));
        next = *acknowledged.rbegin() + 100;

        const auto store = open_own(path);
        const std::set<int> stored = stored_numbers(*store);
        for (const int number : acknowledged) {
            INFO("round " << round << ", transition " << number);
            REQUIRE(stored.count(number) == 1);
        }
        const auto certificates = store->certificates();
        REQUIRE(certificates);
        for (const StoredCertificate& certificate : *certificates) {
            REQUIRE(certificate.version);
            const auto material = store->version(certificate.version_id);
            REQUIRE(material);
            CHECK(material->key_pem.reveal() == "key " + certificate.version->serial);
            CHECK(stored.count(std::stoi(certificate.version->serial)) == 1);
        }
    }
    CHECK(integrity_of(path) == "ok");
}

TEST_CASE("store: killed while it is being made, a store can be opened the next time",
          "[store][crash]") {
    const unsigned seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937 random(seed);
    NullLog log;
    for (int round = 0; round < 25; ++round) {
        TempFolder folder;
        const std::string path = folder.file("mesh.db");
        Child child({"write", path, "0"});
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (!std::filesystem::exists(path) && std::chrono::steady_clock::now() < until)
            std::this_thread::yield();
        // Some moment of making the tables, of switching to the log, of the first commits.
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
        child.kill();
        const auto store = open(path, Access::own, log);
        INFO("round " << round);
        CHECK(store);
    }
}

TEST_CASE("store: a damaged file gives errors or data, never a crash or another key",
          "[store][crash]") {
    TempFolder folder;
    TestExecutor executor;
    const std::string good = folder.file("good.db");
    {
        const auto store = open_own(good);
        for (int i = 0; i < 30; ++i) {
            const std::string name = "c" + std::to_string(i) + ".example";
            REQUIRE(
                commit(*store,
                       executor,
                       {PutCertificate{a_certificate(name)}, a_version(name, "key of " + name)}));
        }
    }
    const std::string bytes = bytes_of(good);
    std::mt19937 random(20'261'128);  // the same damage in every run
    const std::string path = folder.file("damaged.db");
    NullLog log;
    for (int round = 0; round < 150; ++round) {
        std::string damaged = bytes;
        if (round % 3 == 0)
            damaged.resize(random() % damaged.size());
        else
            damaged[random() % damaged.size()] ^= static_cast<char>(1U << (random() % 8));
        std::filesystem::remove(path + "-wal");
        std::filesystem::remove(path + "-shm");
        std::ofstream(path, std::ios::binary | std::ios::trunc) << damaged;
        std::filesystem::permissions(path, std::filesystem::perms(0600));
        const auto store = open(path, round % 2 == 0 ? Access::own : Access::read, log);
        if (!store) continue;
        (void)(*store)->orders();
        (void)(*store)->accounts();
        const auto certificates = (*store)->certificates();
        if (!certificates) continue;
        for (const StoredCertificate& certificate : *certificates)
            (void)(*store)->version(certificate.version_id);
    }
}

}  // namespace mesh::store
