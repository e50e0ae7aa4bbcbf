#include "fixture.hpp"
#include "store/copy_schedule.hpp"
#include "store/inspection.hpp"

#include <SQLiteCpp/Database.h>

#include <fstream>
#include <optional>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mesh::store {
namespace {

using namespace std::chrono_literals;

Timing quick() {
    Timing timing;
    timing.copy_settle = 0ms;
    timing.copy_interval = 0ms;
    timing.copy_retry = 10ms;
    return timing;
}

std::unique_ptr<Store> open_quick(const std::string& path, Log& log) {
    auto store = open(path, Access::own, log, quick());
    if (!store) throw std::runtime_error(store.error().message);
    return *std::move(store);
}

Transition with_key(const std::string& name, const std::string& key) {
    return {PutCertificate{a_certificate(name)}, a_version(name, key)};
}

std::size_t certificates_in(const std::string& path) {
    NullLog log;
    const auto store = open(path, Access::read, log);
    if (!store) return 0;
    const auto certificates = (*store)->certificates();
    return certificates ? certificates->size() : 0;
}

/// The nice value of this process's thread of that name; nothing without one.
std::optional<int> priority_of(const std::string& thread) {
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::string name;
        std::ifstream(task.path() / "comm") >> name;
        if (name != thread) continue;
        const auto id = static_cast<id_t>(std::stoul(task.path().filename()));
        return ::getpriority(PRIO_PROCESS, id);
    }
    return std::nullopt;
}

}  // namespace

TEST_CASE("copy schedule: soon after the first change, then ten minutes apart", "[store][copy]") {
    Timing timing;
    CopySchedule schedule(timing);
    SteadyTime now{};
    CHECK_FALSE(schedule.due());

    schedule.changed(now);
    schedule.changed(now + 1s);
    CHECK(schedule.due() == now + timing.copy_settle);

    now = *schedule.due();
    schedule.began();
    CHECK_FALSE(schedule.due());
    schedule.changed(now + 1s);  // while it is made: for the next one
    schedule.ended(now + 3s, Status());
    CHECK(schedule.due() == now + 3s + 10min);

    now = *schedule.due();
    schedule.began();
    schedule.ended(now, Status());
    CHECK_FALSE(schedule.due());
    schedule.changed(now + 24h);
    CHECK(schedule.due() == now + 24h + timing.copy_settle);
}

TEST_CASE("copy schedule: a copy that failed is made again without another change",
          "[store][copy]") {
    Timing timing;
    CopySchedule schedule(timing);
    const SteadyTime now{};
    schedule.changed(now);
    schedule.began();
    schedule.ended(now + 1s, Error{Errc::full, Origin::internal, "no room"});
    CHECK(schedule.due() == now + 1s + timing.copy_retry);

    schedule.began();
    schedule.ended(now + 2s, Error{Errc::corrupt, Origin::internal, "the draft is damaged"});
    CHECK(schedule.due() == now + 2s + timing.copy_interval);
}

TEST_CASE("F85: after certificate commits there is a private, whole copy beside the store",
          "[store][copy]") {
    const mode_t before = ::umask(0);
    TempFolder folder;
    TestExecutor executor;
    NullLog log;
    const std::string path = folder.file("mesh.db");
    const auto store = open_quick(path, log);
    REQUIRE(commit(*store, executor, {PutAccount{{directory, "", Secret("k"), "", "", at(0)}}}));
    for (int i = 0; i < 30; ++i)
        REQUIRE(commit(*store, executor, with_key("c" + std::to_string(i), "key")));
    eventually([&] { return certificates_in(path + ".last") == 30; });
    ::umask(before);

    CHECK(mode_of(path + ".last") == 0600);
    CHECK_FALSE(std::filesystem::exists(path + ".last-wal"));
    const auto found = inspect_database(path + ".last");
    REQUIRE(found);
    CHECK(found->empty());
    const auto copy = open(path + ".last", Access::read, log);
    REQUIRE(copy);
    CHECK((*copy)->accounts()->front().key_pem.reveal() == "k");
}

TEST_CASE("store: the copy is made at a lower priority than everything else", "[store][copy]") {
    TempFolder folder;
    NullLog log;
    const auto store = open_quick(folder.file("mesh.db"), log);
    const int ours = ::getpriority(PRIO_PROCESS, 0);
    if (ours > 0) {
        WARN("this test runs at a lower priority itself");
        return;
    }
    eventually([] { return priority_of("mesh-copy") == 10; });
    CHECK(priority_of("mesh-store") == ours);
}

TEST_CASE("F85: a store without a copy, or with an older one, gets one at its next start",
          "[store][copy]") {
    TempFolder folder;
    TestExecutor executor;
    NullLog log;
    const std::string path = folder.file("mesh.db");
    REQUIRE(commit(*open_own(path), executor, with_key("a.example", "key")));
    for (int round = 0; round < 2; ++round) {
        const auto store = open_quick(path, log);
        eventually([&] { return certificates_in(path + ".last") == 1; });
        if (round == 0) std::filesystem::remove(path + ".last");
    }
    std::filesystem::copy_file(path + ".last", folder.file("older"));
    REQUIRE(commit(*open_own(path), executor, with_key("b.example", "key")));
    std::filesystem::rename(folder.file("older"), path + ".last");
    const auto store = open_quick(path, log);
    eventually([&] { return certificates_in(path + ".last") == 2; });
}

TEST_CASE("F82: a copy that cannot be made is said once and disturbs no commit", "[store][copy]") {
    TempFolder folder;
    TestExecutor executor;
    RecordingLog log;
    const std::string path = folder.file("mesh.db");
    // A folder in its place: root may write everything, but cannot unlink this.
    std::filesystem::create_directories(path + ".last.new/occupied");
    const auto store = open_quick(path, log);
    for (int i = 0; i < 10; ++i)
        REQUIRE(commit(*store, executor, with_key("c" + std::to_string(i), "key")));
    eventually([&] { return log.count("store_copy_failed") == 1; });
    std::filesystem::remove_all(path + ".last.new");
    eventually([&] { return certificates_in(path + ".last") == 10; });
    eventually([&] { return log.count("store_copy_recovered") == 1; });
    CHECK(log.count("store_copy_failed") == 1);
    CHECK(log.line_with("store_degraded").empty());
}

TEST_CASE("F85: a damaged database does not replace a good copy", "[store][copy]") {
    TempFolder folder;
    TestExecutor executor;
    RecordingLog log;
    const std::string path = folder.file("mesh.db");
    auto store = open_quick(path, log);
    REQUIRE(commit(
        *store, executor, {PutAccount{{directory, "", Secret("account key"), "", "", at(0)}}}));
    const auto applied = commit(*store, executor, with_key("a.example", "good key"));
    REQUIRE(applied);
    eventually([&] { return certificates_in(path + ".last") == 1; });
    {
        SQLite::Database other(path, SQLite::OPEN_READWRITE, 5'000);
        other.exec("UPDATE version_material SET key = x'00'; UPDATE account SET key = x'00'");
    }
    REQUIRE(commit(*store, executor, with_key("b.example", "another key")));
    eventually([&] { return certificates_in(path + ".last") == 2; });

    const auto here = store->version(applied->version_id);
    REQUIRE_FALSE(here);
    CHECK(here.error().code == Errc::corrupt);
    const auto there = store->version_of_copy(applied->version_id);
    REQUIRE(there);
    CHECK(there->key_pem.reveal() == "good key");
    store = nullptr;
    store = open_quick(path, log);
    CHECK(store->accounts()->front().key_pem.reveal() == "account key");
    CHECK_THAT(log.line_with("ERROR account_damaged"), ContainsSubstring("directory=" + directory));

    // A copy that cannot be read just now may have the key; one that is not there has none.
    std::filesystem::rename(path + ".last", folder.file("copy"));
    std::filesystem::create_directory(path + ".last");
    CHECK_FALSE(store->accounts());
    std::filesystem::remove(path + ".last");
    const auto lost = store->accounts();
    REQUIRE(lost);
    CHECK(lost->front().key_pem.reveal() == "damaged");
}

TEST_CASE("F88: beside a restored older backup, the copy's versions are not taken for its own",
          "[store][copy]") {
    TempFolder folder;
    TestExecutor executor;
    NullLog log;
    const std::string path = folder.file("mesh.db");
    std::int64_t id = 0;
    {
        const auto store = open_quick(path, log);
        id = commit(*store, executor, with_key("a.example", "key of a"))->version_id;
        eventually([&] { return certificates_in(path + ".last") == 1; });
    }
    std::filesystem::remove(path);
    std::filesystem::rename(path + ".last", folder.file("copy"));
    auto store = open_own(path);
    PutVersion other = a_version("b.example", "key of b");
    other.facts.sha256 = std::string(64, 'e');
    REQUIRE(
        commit(*store, executor, {PutCertificate{a_certificate("b.example")}, other})->version_id ==
        id);
    std::filesystem::rename(folder.file("copy"), path + ".last");
    const auto found = store->version_of_copy(id);
    REQUIRE_FALSE(found);
    CHECK(found.error().code == Errc::not_found);
}

TEST_CASE("store: a backup is whole, private, and never in the place of another file",
          "[store][copy]") {
    TempFolder folder;
    TestExecutor executor;
    const std::string path = folder.file("mesh.db");
    const std::string target = folder.file("backup.db");
    auto store = open_own(path);
    REQUIRE(commit(*store, executor, with_key("a.example", "key")));
    REQUIRE(back_up(path, target));  // beside its owner
    CHECK(mode_of(target) == 0600);
    CHECK(certificates_in(target) == 1);

    const std::string bytes = bytes_of(target);
    REQUIRE(commit(*store, executor, with_key("b.example", "key")));
    const Status again = back_up(path, target);
    REQUIRE_FALSE(again);
    CHECK(again.error().code == Errc::conflict);
    CHECK(bytes_of(target) == bytes);
    for (const char* ending : {"", "-wal", ".lock", ".last", ".new", ".last.new"}) {
        const Status itself = back_up(path, path + ending);
        REQUIRE_FALSE(itself);
        CHECK(itself.error().code == Errc::conflict);
    }
    store.reset();
    std::ofstream(folder.file("second.db.new")) << "somebody's";
    REQUIRE(back_up(path, folder.file("second.db")));  // without an owner
    CHECK(certificates_in(folder.file("second.db")) == 2);
    CHECK(bytes_of(folder.file("second.db.new")) == "somebody's");
    CHECK(back_up(folder.file("nothing"), folder.file("third.db")).error().code == Errc::not_found);
}

}  // namespace mesh::store
