// A store that one owner gives up for another, which may not want it after all.
#include "fixture.hpp"
#include "store/commit_thread.hpp"
#include "store/connection.hpp"

#include <new>

namespace mesh::store {
namespace {

Transition put(const std::string& name, const std::string& key) {
    return {PutCertificate{a_certificate(name)}, a_version(name, key)};
}

std::string key_of_version(Store& store, std::int64_t id) {
    const auto material = store.version(id);
    return material ? std::string(material->key_pem.reveal()) : material.error().message;
}

}  // namespace

TEST_CASE("handover: a store that is given up is another's, and is read on", "[store][handover]") {
    TempFolder folder;
    TestExecutor executor;
    const std::string path = folder.file("mesh.db");
    const auto old = open_own(path);
    // Not waited for: giving up finishes what is queued.
    auto written = submit(*old, executor, put("a.example", "first"));
    old->give_up();
    const Result<Applied> first = written.get();
    REQUIRE(first);
    CHECK_FALSE(old->writable());

    const auto next = open_own(path);
    CHECK(next->writable());
    const Result<Applied> second = commit(*next, executor, put("b.example", "second"));
    REQUIRE(second);
    CHECK(key_of_version(*next, first->version_id) == "first");
    CHECK(key_of_version(*old, first->version_id) == "first");
    CHECK(key_of_version(*old, second->version_id) == "second");

    const Result<Applied> late = commit(*old, executor, put("c.example", "late"));
    REQUIRE(late.has_error());
    CHECK(late.error().code == Errc::cancelled);
}

TEST_CASE("handover: it is taken back when the other is gone", "[store][handover]") {
    TempFolder folder;
    TestExecutor executor;
    const std::string path = folder.file("mesh.db");
    const auto store = open_own(path);
    for (const char* const name : {"a.example", "b.example", "c.example"}) {
        store->take_back();  // it has it
        store->give_up();
        { REQUIRE(commit(*open_own(path), executor, put(name, "theirs"))); }
        store->take_back();
        store->take_back();
        CHECK(store->writable());
        CHECK(commit(*store, executor, put("own." + std::string(name), "ours")));
    }
    CHECK(store->certificates()->size() == 6);
    NullLog log;
    CHECK(open(path, Access::own, log).error().code == Errc::conflict);
}

TEST_CASE("handover: while the other is there still, it is asked for until it can be had",
          "[store][handover]") {
    TempFolder folder;
    TestExecutor executor;
    const std::string path = folder.file("mesh.db");
    RecordingLog log;
    Timing timing;
    timing.write_retry = std::chrono::milliseconds(20);
    auto opened = open(path, Access::own, log, timing);
    REQUIRE(opened);
    Store& store = **opened;
    store.give_up();
    auto other = open_own(path);
    store.take_back();
    CHECK_FALSE(store.writable());
    CHECK(commit(store, executor, put("a.example", "ours")).error().code == Errc::conflict);
    CHECK(log.count("store_degraded") == 1);
    other.reset();
    eventually([&] { return store.writable(); });
    CHECK(commit(store, executor, put("a.example", "ours")));
    CHECK(log.count("store_recovered") == 1);
}

TEST_CASE("handover: what keeps it from being written again is tried again", "[store][handover]") {
    TempFolder folder;
    TestExecutor executor;
    NullLog log;
    const std::string path = folder.file("mesh.db");
    { const auto made = open_own(path); }
    bool has_memory = true;
    CommitThread commits(open_for_writing(path),
                         {},
                         path,
                         {[] { return Result<Connection>(Error{}); },
                          [&] {
                              if (!has_memory) throw std::bad_alloc();
                          },
                          [] {}},
                         std::chrono::hours(1),
                         {},
                         log);
    const auto written = [&](const std::string& name) {
        auto promise = std::make_shared<std::promise<Result<Applied>>>();
        commits.submit(put(name, "ours"), executor, [promise](Result<Applied> applied) {
            promise->set_value(std::move(applied));
        });
        auto known = promise->get_future();
        REQUIRE(known.wait_for(std::chrono::seconds(30)) == std::future_status::ready);
        return known.get();
    };
    commits.pause();
    has_memory = false;
    CHECK_THROWS_AS(commits.resume(open_for_writing(path)), std::bad_alloc);
    CHECK_FALSE(commits.writable());
    const auto unwritten = written("a.example");
    REQUIRE(unwritten.has_error());
    CHECK(unwritten.error().code == Errc::cancelled);
    has_memory = true;
    commits.resume(open_for_writing(path));
    CHECK(commits.writable());
    CHECK(written("b.example"));
}

TEST_CASE("handover: one that is given up can go", "[store][handover]") {
    TempFolder folder;
    const auto store = open_own(folder.file("mesh.db"));
    store->give_up();
    store->give_up();
}

}  // namespace mesh::store
