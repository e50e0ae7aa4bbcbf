#include "child.hpp"
#include "fixture.hpp"

namespace mesh::store {

TEST_CASE("store: a second process is refused with the owner's pid", "[store][processes]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    Child owner({"hold", path});
    REQUIRE(owner.line() == "ready");

    NullLog log;
    const auto second = open(path, Access::own, log);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == Errc::conflict);
    CHECK(second.error().message ==
          path + " is in use by another mesh (pid " + std::to_string(owner.pid()) + ")");

    owner.close_input();
    CHECK(owner.wait() == 0);
    CHECK(open(path, Access::own, log));
}

TEST_CASE("store: the owner in this process is named to a second one", "[store][processes]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    const auto store = open_own(path);
    Child second({"hold", path});
    CHECK(second.line() == "refused conflict " + path + " is in use by another mesh (pid " +
                               std::to_string(::getpid()) + ")");
    CHECK(second.wait() == 4);
}

TEST_CASE("store: killing the owner frees the store", "[store][processes]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    Child owner({"hold", path});
    REQUIRE(owner.line() == "ready");
    owner.kill();
    NullLog log;
    CHECK(open(path, Access::own, log));
}

TEST_CASE("store: a reader sees each commit of a running owner and does not disturb it",
          "[store][processes]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    Child owner({"write", path, "0"});
    REQUIRE(owner.line() == "0");
    NullLog log;
    for (int round = 0; round < 20; ++round) {
        const auto reader = open(path, Access::read, log);
        REQUIRE(reader);
        CHECK_FALSE((*reader)->writable());
        const auto before = owner.line();
        REQUIRE(before);
        const int number = std::stoi(*before);
        const CertificateKey key{"https://ca.example/dir",
                                 {"c" + std::to_string(number % 20) + ".example"}};
        const auto history = (*reader)->history(key, 100'000);
        REQUIRE(history);
        CHECK(std::any_of(history->begin(), history->end(), [&](const HistoryRecord& record) {
            return record.detail == std::to_string(number);
        }));
    }
    owner.kill();
}

TEST_CASE("store: what a reader asks to write is refused", "[store][processes]") {
    TempFolder folder;
    TestExecutor executor;
    const auto owner = open_own(folder.file("mesh.db"));
    NullLog log;
    const auto reader = open(folder.file("mesh.db"), Access::read, log);
    REQUIRE(reader);
    const auto applied = commit(**reader, executor, {});
    REQUIRE_FALSE(applied);
    CHECK(applied.error().code == Errc::permission);
}

TEST_CASE("F82: a full disk fails commits with that reason and loses nothing that was stored",
          "[store][processes]") {
    TempFolder folder;
    Child child({"fill-disk", folder.path()});
    const std::string said = child.rest();
    const int code = child.wait();
    if (code == 77) {
        WARN("mounting a small disk is not permitted here");
        return;
    }
    INFO(said);
    CHECK(code == 0);
    CHECK_THAT(said, ContainsSubstring("event store_degraded\nfailed full\nstill read\n"));
    CHECK_THAT(said, ContainsSubstring("nothing lost\n"));
    CHECK_THAT(said, ContainsSubstring("room again\n"));
}

TEST_CASE("F83: when a full disk has room again the store goes on without a restart",
          "[store][processes]") {
    TempFolder folder;
    Child child({"recover", folder.path()});
    const std::string said = child.rest();
    if (child.wait() == 77) {
        WARN("mounting a small disk is not permitted here");
        return;
    }
    CHECK(said == "event store_degraded\nevent store_recovered\nroom again\n");
}

TEST_CASE("store: a write that fails half way loses nothing that was stored",
          "[store][processes]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    Child child({"limit-file-size", path});
    const std::string said = child.rest();
    INFO(said);
    REQUIRE(child.wait() == 0);
    CHECK_THAT(said, ContainsSubstring("event store_degraded\nfailed io\n"));
    CHECK_THAT(said, ContainsSubstring("event store_recovered\nroom again\n"));
    const int last = std::stoi(said.substr(said.find("last ") + 5));
    const auto store = open_own(path);
    const auto history = store->history(
        {"https://ca.example/dir", {"c" + std::to_string(last % 20) + ".example"}}, 10);
    REQUIRE(history);
    CHECK(std::any_of(history->begin(), history->end(), [&](const HistoryRecord& record) {
        return record.detail == std::to_string(last);
    }));
}

}  // namespace mesh::store
