#include "fixture.hpp"

#include <SQLiteCpp/Database.h>

#include <atomic>
#include <cstdlib>

namespace mesh::store {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

/// Slows a store down that is opened while this lives.
class SlowedDown {
 public:
    SlowedDown(const char* variable, const char* delay) : variable_(variable) {
        ::setenv(variable, delay, 1);
    }
    SlowedDown(const SlowedDown&) = delete;
    SlowedDown& operator=(const SlowedDown&) = delete;
    ~SlowedDown() { ::unsetenv(variable_); }

 private:
    const char* variable_;
};

/// Waits until a commit is held back, with SQLite's write lock.
void wait_for_commit_under_way(RecordingLog& log) {
    const auto until = steady_clock::now() + 30s;
    while (log.line_with("a commit is held back").empty()) {
        if (steady_clock::now() > until) throw std::runtime_error("no commit began");
        std::this_thread::sleep_for(1ms);
    }
}

/// Test hooks are not in every build.
bool is_slow(RecordingLog& log) {
    if (!log.line_with("test_hook").empty()) return true;
    WARN("not tested: built without MESH_TEST_HOOKS");
    return false;
}

}  // namespace

TEST_CASE("store: completions run on the executor, in the order of the transitions",
          "[store][commit]") {
    TempFolder folder;
    TestExecutor executor;
    auto store = open_own(folder.file("mesh.db"));
    std::vector<int> order;
    std::atomic<bool> elsewhere{false};
    for (int i = 0; i < 200; ++i)
        store->apply({PutAccount{{directory, "", Secret("k"), std::to_string(i), "", at(0)}}},
                     executor,
                     [&, i](const Result<Applied>& result) {
                         if (result) order.push_back(i);
                         if (std::this_thread::get_id() != executor.thread()) elsewhere = true;
                     });
    REQUIRE(commit(*store, executor, {}));

    CHECK_FALSE(elsewhere);
    REQUIRE(order.size() == 200);
    CHECK(std::is_sorted(order.begin(), order.end()));
    CHECK(store->accounts()->front().url == "199");
}

TEST_CASE("store: what completed is read by every reader", "[store][commit]") {
    TempFolder folder;
    TestExecutor executor;
    auto store = open_own(folder.file("mesh.db"));
    for (int i = 0; i < 50; ++i) {
        const auto applied = commit(*store,
                                    executor,
                                    {PutCertificate{a_certificate("a.example")},
                                     a_version("a.example", "key " + std::to_string(i))});
        REQUIRE(applied);
        const auto material = store->version(applied->version_id);
        REQUIRE(material);
        CHECK(material->key_pem.reveal() == "key " + std::to_string(i));
    }
}

TEST_CASE("store: transitions queued during a commit share the next one", "[store][commit]") {
    const SlowedDown slow("MESH_TEST_STORE_COMMIT_DELAY_MS", "100");
    TempFolder folder;
    TestExecutor executor;
    RecordingLog log;
    auto store = open_own(folder.file("mesh.db"), log);
    if (!is_slow(log)) return;

    const auto begin = steady_clock::now();
    std::vector<std::future<Result<Applied>>> results;
    for (int i = 0; i < 300; ++i)
        results.push_back(
            submit(*store, executor, {PutCertificate{a_certificate("c" + std::to_string(i))}}));
    for (auto& result : results) CHECK(result.get());
    // One by one they would take 30 seconds.
    CHECK(steady_clock::now() - begin < 15s);
}

TEST_CASE("store: reading a version does not wait for a commit under way", "[store][commit]") {
    TempFolder folder;
    TestExecutor executor;
    std::int64_t id = 0;
    {
        auto store = open_own(folder.file("mesh.db"));
        const auto applied =
            commit(*store,
                   executor,
                   {PutCertificate{a_certificate("a.example")}, a_version("a.example", "k")});
        REQUIRE(applied);
        id = applied->version_id;
    }
    // Longer than a machine may stand still between two lines of this test.
    const SlowedDown slow("MESH_TEST_STORE_COMMIT_DELAY_MS", "5000");
    RecordingLog log;
    auto store = open_own(folder.file("mesh.db"), log);
    if (!is_slow(log)) return;
    auto write = submit(*store, executor, {PutCertificate{a_certificate("b.example")}});

    wait_for_commit_under_way(log);
    CHECK(store->version(id));
    CHECK(store->certificates()->size() == 1);
    CHECK(write.wait_for(0s) == std::future_status::timeout);
    CHECK(write.get());
}

TEST_CASE("store: the read delay of the tests delays reads", "[store][commit]") {
    const SlowedDown slow("MESH_TEST_STORE_READ_DELAY_MS", "60");
    TempFolder folder;
    RecordingLog log;
    auto store = open_own(folder.file("mesh.db"), log);
    if (!is_slow(log)) return;
    const auto begin = steady_clock::now();
    CHECK(store->accounts());
    CHECK(steady_clock::now() - begin >= 60ms);
}

TEST_CASE("store: closing finishes what is queued", "[store][commit]") {
    TempFolder folder;
    TestExecutor executor;
    std::vector<std::future<Result<Applied>>> results;
    {
        auto store = open_own(folder.file("mesh.db"));
        for (int i = 0; i < 500; ++i)
            results.push_back(
                submit(*store, executor, {PutCertificate{a_certificate("c" + std::to_string(i))}}));
    }
    for (auto& result : results) CHECK(result.get());
    CHECK(open_own(folder.file("mesh.db"))->certificates()->size() == 500);
}

TEST_CASE("store: closing is bounded, what was not written says so", "[store][commit]") {
    // The first has to last until the store, which finishes things for 5 s, has given up the
    // second.
    const SlowedDown slow("MESH_TEST_STORE_COMMIT_DELAY_MS", "9000");
    TempFolder folder;
    TestExecutor executor;
    RecordingLog log;
    auto store = open_own(folder.file("mesh.db"), log);
    if (!is_slow(log)) return;
    auto first = submit(*store, executor, {PutCertificate{a_certificate("first")}});
    wait_for_commit_under_way(log);
    auto second = submit(*store, executor, {PutCertificate{a_certificate("second")}});
    const auto begin = steady_clock::now();
    store.reset();
    CHECK(steady_clock::now() - begin < 16s);  // both would take eighteen
    CHECK(first.get());
    const auto late = second.get();
    REQUIRE_FALSE(late);
    CHECK(late.error().code == Errc::cancelled);
}

TEST_CASE("store: writers and readers of many threads do not disturb each other",
          "[store][commit]") {
    TempFolder folder;
    TestExecutor executor;
    auto store = open_own(folder.file("mesh.db"));
    REQUIRE(commit(*store,
                   executor,
                   {PutCertificate{a_certificate("a.example")}, a_version("a.example", "key 0")}));
    std::atomic<bool> stop{false};
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t)
        threads.emplace_back([&] {
            while (!stop) {
                const auto certificates = store->certificates();
                if (!certificates || certificates->empty()) {
                    ++failures;
                    continue;
                }
                const auto material = store->version(certificates->front().version_id);
                // Superseded three times between the two reads is possible, nothing else.
                if (!material && material.error().code != Errc::not_found) ++failures;
            }
        });
    for (int t = 0; t < 2; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 50; ++i) {
                const std::string name = "w" + std::to_string(t) + "-" + std::to_string(i);
                if (!commit(*store,
                            executor,
                            {PutCertificate{a_certificate(name)},
                             a_version("a.example", "key " + name)}))
                    ++failures;
            }
        });
    threads[6].join();
    threads[7].join();
    stop = true;
    for (int t = 0; t < 6; ++t) threads[static_cast<std::size_t>(t)].join();
    CHECK(failures == 0);
    CHECK(store->certificates()->size() == 101);
}

TEST_CASE("store: a writer from outside holds the closing up once, not once per transition",
          "[store][commit]") {
    TempFolder folder;
    TestExecutor executor;
    auto store = open_own(folder.file("mesh.db"));
    SQLite::Database outside(folder.file("mesh.db"), SQLite::OPEN_READWRITE);
    outside.setBusyTimeout(10'000);
    outside.exec("BEGIN IMMEDIATE");

    std::vector<std::future<Result<Applied>>> results;
    for (int i = 0; i < 40; ++i)
        results.push_back(
            submit(*store, executor, {PutCertificate{a_certificate("c" + std::to_string(i))}}));
    const auto begin = steady_clock::now();
    store.reset();
    // SQLite waits 2 s for the lock: for each of them that would be 80 s.
    CHECK(steady_clock::now() - begin < 15s);
    for (auto& result : results) {
        const auto applied = result.get();
        REQUIRE_FALSE(applied);
        CHECK(applied.error().code == Errc::io);
    }
}

}  // namespace mesh::store
