// A store that can only be read, and what becomes of it.
#include "child.hpp"
#include "fixture.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace mesh::store {
namespace {

void give_to_nobody(const std::string& folder) {
    REQUIRE(::chown(folder.c_str(), 65534, 65534) == 0);
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        REQUIRE(::chown(entry.path().c_str(), 65534, 65534) == 0);
}

void store_one(const std::string& path) {
    TestExecutor executor;
    REQUIRE(
        commit(*open_own(path),
               executor,
               {PutCertificate{a_certificate("a.example")}, a_version("a.example", "the key")}));
}

}  // namespace

TEST_CASE("F84: a store that could only be read is written when its place allows it again",
          "[store][degraded]") {
    if (::geteuid() != 0) {
        WARN("only root can act as another user");
        return;
    }
    struct Case {
        const char* what;  ///< beside the folder
        mode_t closed;
        mode_t opened;
    };
    for (const Case& place : {Case{"", 0500, 0700}, Case{"/mesh.db", 0400, 0600}}) {
        INFO("of the folder: " << place.what);
        TempFolder folder;
        store_one(folder.file("mesh.db"));
        give_to_nobody(folder.path());
        REQUIRE(::chmod((folder.path() + place.what).c_str(), place.closed) == 0);

        Child child({"nobody-recover", folder.file("mesh.db")});
        REQUIRE(child.line() == "event store_degraded");
        CHECK(child.line() == "not writable");
        CHECK(child.line() == "not applied permission");
        CHECK(child.line() == "key the key");
        REQUIRE(::chmod((folder.path() + place.what).c_str(), place.opened) == 0);
        CHECK(child.line() == "event store_recovered");
        CHECK(child.line() == "applied");
        CHECK(child.line() == "key the key");
        CHECK(child.wait() == 0);
        NullLog log;
        const auto store = open(folder.file("mesh.db"), Access::read, log);
        REQUIRE(store);
        CHECK((*store)->certificates()->size() == 2);
    }
}

}  // namespace mesh::store
