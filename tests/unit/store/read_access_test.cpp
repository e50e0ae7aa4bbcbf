#include "child.hpp"
#include "fixture.hpp"
#include "held_view.hpp"

#include <map>
#include <sys/stat.h>
#include <unistd.h>

namespace mesh::store {
namespace {

/// Every file of a folder with its content, mode and times.
std::map<std::string, std::string> picture_of(const std::string& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        struct stat facts {};
        if (::lstat(entry.path().c_str(), &facts) != 0) continue;
        files[entry.path().filename()] =
            bytes_of(entry.path()) + '|' + std::to_string(facts.st_mode) + '|' +
            std::to_string(facts.st_mtim.tv_sec) + '.' + std::to_string(facts.st_mtim.tv_nsec);
    }
    return files;
}

void keep_one(const std::string& path) {
    TestExecutor executor;
    const auto store = open_own(path);
    REQUIRE(
        commit(*store,
               executor,
               {PutCertificate{a_certificate("a.example")}, a_version("a.example", "the key")}));
}

/// A store as a killed owner leaves it: everything of it in the log, no shared memory.
void leave_crashed_store(const std::string& path) {
    Child child({"write", path + ".making", "0"});
    REQUIRE(child.line() == "0");
    {
        const HeldView view(path + ".making");
        eventually([&] { return std::filesystem::file_size(path + ".making-wal") > 0; });
        child.kill();
        std::filesystem::copy_file(path + ".making", path);
        std::filesystem::copy_file(path + ".making-wal", path + "-wal");
    }
    for (const char* ending : {"", "-wal", "-shm", ".lock"})
        std::filesystem::remove(path + ".making" + ending);
    REQUIRE(std::filesystem::file_size(path + "-wal") > 0);
}

bool handed_to_nobody(const std::string& folder) {
    if (::geteuid() != 0) {
        WARN("only root can act as another user");
        return false;
    }
    bool done = ::chown(folder.c_str(), 65534, 65534) == 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        done = ::chown(entry.path().c_str(), 65534, 65534) == 0 && done;
    return done;
}

}  // namespace

TEST_CASE("store: reading a store that is not there says so and makes nothing", "[store][read]") {
    TempFolder folder;
    NullLog log;
    const auto store = open(folder.file("mesh.db"), Access::read, log);
    REQUIRE_FALSE(store);
    CHECK(store.error().code == Errc::not_found);
    CHECK(store.error().message == "there is no store at " + folder.file("mesh.db"));
    CHECK(picture_of(folder.path()).empty());
}

TEST_CASE("store: reading changes nothing in the folder of a store that was closed",
          "[store][read]") {
    TempFolder folder;
    keep_one(folder.file("mesh.db"));
    const auto before = picture_of(folder.path());
    CHECK(before.size() == 2);  // the database and the lock file
    {
        NullLog log;
        const auto store = open(folder.file("mesh.db"), Access::read, log);
        REQUIRE(store);
        const auto certificates = (*store)->certificates();
        REQUIRE(certificates);
        REQUIRE(certificates->size() == 1);
        CHECK((*store)->version(certificates->front().version_id)->key_pem.reveal() == "the key");
        CHECK(picture_of(folder.path()) == before);
    }
    CHECK(picture_of(folder.path()) == before);
}

TEST_CASE("store: reading changes nothing in the folder of a store whose owner was killed",
          "[store][read]") {
    TempFolder folder;
    leave_crashed_store(folder.file("mesh.db"));
    const auto before = picture_of(folder.path());
    {
        NullLog log;
        const auto store = open(folder.file("mesh.db"), Access::read, log);
        REQUIRE(store);
        const auto certificates = (*store)->certificates();
        REQUIRE(certificates);
        CHECK_FALSE(certificates->empty());
    }
    CHECK(picture_of(folder.path()) == before);
}

TEST_CASE("store: a reader notices an owner that starts after it", "[store][read]") {
    TempFolder folder;
    TestExecutor executor;
    keep_one(folder.file("mesh.db"));
    NullLog log;
    const auto reader = open(folder.file("mesh.db"), Access::read, log);
    REQUIRE(reader);
    REQUIRE((*reader)->certificates()->size() == 1);

    auto owner = open_own(folder.file("mesh.db"));
    REQUIRE(commit(*owner, executor, {PutCertificate{a_certificate("b.example")}}));
    CHECK((*reader)->certificates()->size() == 2);
    owner.reset();
    CHECK((*reader)->certificates()->size() == 2);
}

TEST_CASE("store: in a folder that cannot be written, what is stored is served, degraded",
          "[store][read]") {
    TempFolder folder;
    keep_one(folder.file("mesh.db"));
    if (!handed_to_nobody(folder.path())) return;
    REQUIRE(::chmod(folder.path().c_str(), 0500) == 0);
    const auto before = picture_of(folder.path());

    Child child({"nobody-own", folder.file("mesh.db")});
    CHECK(child.rest() ==
          "event store_degraded\nnot writable\ncertificates 1\nkey the key\n"
          "not applied permission\n");
    CHECK(child.wait() == 0);
    CHECK(picture_of(folder.path()) == before);
}

TEST_CASE("store: a file that cannot be written is served too", "[store][read]") {
    TempFolder folder;
    keep_one(folder.file("mesh.db"));
    if (!handed_to_nobody(folder.path())) return;
    REQUIRE(::chmod(folder.file("mesh.db").c_str(), 0400) == 0);

    Child child({"nobody-own", folder.file("mesh.db")});
    CHECK(child.rest() ==
          "event store_degraded\nnot writable\ncertificates 1\nkey the key\n"
          "not applied permission\n");
}

TEST_CASE(
    "store: what a killed owner left in the log is served from a folder that cannot be "
    "written",
    "[store][read]") {
    TempFolder folder;
    leave_crashed_store(folder.file("mesh.db"));
    if (!handed_to_nobody(folder.path())) return;
    REQUIRE(::chmod(folder.path().c_str(), 0500) == 0);

    Child child({"nobody-own", folder.file("mesh.db")});
    REQUIRE(child.line() == "event store_degraded");
    CHECK(child.line() == "not writable");
    const auto certificates = child.line();
    REQUIRE(certificates);
    CHECK(*certificates != "certificates 0");
}

TEST_CASE("store: without the right to read it, reading is refused with that reason",
          "[store][read]") {
    TempFolder folder;
    keep_one(folder.file("mesh.db"));
    if (::geteuid() != 0) return;
    REQUIRE(::chmod(folder.path().c_str(), 0755) == 0);
    Child child({"nobody-read", folder.file("mesh.db")});
    CHECK(child.line() ==
          "refused permission cannot read " + folder.file("mesh.db") + ": Permission denied");
}

}  // namespace mesh::store
