// Names, dates and pointers that changed on the disk while SQLite finds nothing.
#include "damaged_store.hpp"
#include "store/checksum.hpp"
#include "store/inspection.hpp"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>

namespace mesh::store {
namespace {

using namespace std::chrono_literals;

void execute(const std::string& path, const std::string& sql) {
    SQLite::Database(path, SQLite::OPEN_READWRITE, 5'000).exec(sql);
}

/// Makes the row of c7.example one of c6.example; its indexes still say c7.
void give_name_of_another(const std::string& path) {
    const std::string bytes = bytes_of(path);
    const std::string row = directory + name_of(7) + name_of(7);  // as identity and in order
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    std::size_t found = 0;
    for (auto at = bytes.find(row); at != std::string::npos; at = bytes.find(row, at + 1)) {
        file.seekp(static_cast<std::streamoff>(at + directory.size() + 1));
        file.put('6');
        ++found;
    }
    REQUIRE(found > 0);
}

void commit_one_more(const std::string& path) {
    TestExecutor executor;
    REQUIRE(commit(*open_own(path),
                   executor,
                   {PutCertificate{a_certificate("new.example")},
                    a_version("new.example", "key of new.example")}));
}

/// Each has its own key.
void check_keys(Store& store, std::size_t count) {
    const auto certificates = store.certificates();
    REQUIRE(certificates);
    CHECK(certificates->size() == count);
    for (const StoredCertificate& certificate : *certificates)
        CHECK(store.version(certificate.version_id)->key_pem.reveal() ==
              "key of " + certificate.record.key.names.front());
}

}  // namespace

TEST_CASE("store: a checksum is FNV-1a over sizes of eight bytes and contents, for ever",
          "[store]") {
    const std::vector<std::string> parts = {
        "", "a", std::string(255, 'b'), std::string(256, '\0'), std::string(70'000, '\xff')};
    std::uint64_t sum = 0xcbf29ce484222325U;
    const auto fold = [&sum](std::uint64_t byte) { sum = (sum ^ byte) * 0x100000001b3U; };
    for (const std::string& part : parts) {
        for (unsigned shift = 0; shift < 64; shift += 8) fold(part.size() >> shift & 255U);
        for (const char c : part) fold(static_cast<unsigned char>(c));
    }
    CHECK(checksum_of({parts[0], parts[1], parts[2], parts[3], parts[4]}) ==
          static_cast<std::int64_t>(sum));
    CHECK(checksum_of({}) == static_cast<std::int64_t>(0xcbf29ce484222325U));
}

TEST_CASE("F87: a version that may be another's becomes nobody's current one", "[store][damage]") {
    for (const std::string checksum : {"checksum", "NULL"}) {
        INFO("checksum = " << checksum);
        TempFolder folder;
        const std::string path = folder.file("mesh.db");
        make_store(path);
        std::filesystem::remove(path + ".last");
        execute(path,
                "UPDATE version SET checksum = " + checksum +
                    ", certificate_id = certificate_id - 1 WHERE id = "
                    "(SELECT current_version FROM certificate WHERE names = '" +
                    name_of(7) + "')");
        RecordingLog log;
        {
            const auto store = open_own(path, log);
            check_keys(*store, certificates_made);
        }
        CHECK(log.count("store_mended") == 0);
        if (checksum == "NULL") continue;
        CHECK(log.count("store_damaged_row") == 1);
        // Its certificate is the one it seems to belong to.
        CHECK_THAT(log.line_with("ERROR store_damaged_row"),
                   ContainsSubstring("names=" + name_of(6)));
        CHECK_THAT(log.line_with("store_damaged_row"), ContainsSubstring("serial=0a1b"));
        const auto found = inspect_database(path);
        REQUIRE(found);
        REQUIRE(found->size() == 1);
        CHECK_THAT(found->front(), ContainsSubstring(name_of(6) + " (serial 0a1b)"));
    }
}

TEST_CASE("F87: the newest version is the current one again, where all are sound",
          "[store][damage]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    make_store(path);
    execute(path,
            "UPDATE certificate SET current_version = current_version - 1 WHERE names = '" +
                name_of(7) + "'");
    const auto found = inspect_database(path);
    REQUIRE(found);
    REQUIRE(found->size() == 1);
    CHECK_THAT(found->front(), ContainsSubstring("current version of " + name_of(7)));

    RecordingLog log;
    check_keys(*open_own(path, log), certificates_made);

    CHECK(log.count("store_mended") == 1);
    CHECK_THAT(log.line_with("ERROR store_mended"), ContainsSubstring("names=" + name_of(7)));
    CHECK(inspect_database(path)->empty());
}

TEST_CASE("F87: a name that became another's costs no later commit", "[store][damage]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    make_store(path);
    commit_one_more(path);
    const Facts before = facts_of(*open_own(path));
    give_name_of_another(path);
    RecordingLog log;

    CHECK(facts_of(*open_own(path, log)) == before);

    CHECK(set_aside(folder.path()).empty());
    CHECK(log.count("store_mended") >= 1);
    CHECK_THAT(log.line_with("ERROR store_mended"), ContainsSubstring("names=" + name_of(7)));
    CHECK(log.count("store_damaged_row") == 0);
    CHECK(inspect_database(path)->empty());
    RecordingLog again;
    CHECK(facts_of(*open_own(path, again)) == before);
    CHECK(again.count("store_") == 0);
}

TEST_CASE("F87: what the copy cannot mend stays, and everything else is served",
          "[store][damage]") {
    TempFolder folder;
    TestExecutor executor;
    const std::string path = folder.file("mesh.db");
    make_store(path);
    commit_one_more(path);
    give_name_of_another(path);
    write(path + ".last", std::string(100'000, 'x'));
    RecordingLog log;
    const auto store = open_own(path, log);

    CHECK(set_aside(folder.path()).empty());
    CHECK(store->certificates()->size() == certificates_made + 1);
    CHECK(log.count("ERROR store_damaged_row") >= 1);
    CHECK(log.count("store_mended") == 0);
    CHECK(log.count("store_begun_anew") == 0);
    CHECK(commit(*store, executor, {PutCertificate{a_certificate("b.example")}}));
}

TEST_CASE("F87: a store that cannot be mended now is served, and mended later", "[store][damage]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    make_store(path);
    execute(path, "UPDATE version SET not_after = not_after + 1 WHERE id = 7");
    RecordingLog log;
    Timing timing;
    timing.write_retry = 10ms;
    SQLite::Database other(path, SQLite::OPEN_READWRITE, 5'000);
    other.exec("BEGIN IMMEDIATE");

    const auto store = open(path, Access::own, log, timing);

    REQUIRE(store);
    CHECK_FALSE((*store)->writable());
    CHECK(log.count("store_degraded") == 1);
    CHECK(set_aside(folder.path()).empty());
    check_keys(**store, certificates_made);
    other.exec("ROLLBACK");
    eventually([&] { return (*store)->writable(); });
    CHECK(log.count("store_mended") == 1);
}

TEST_CASE("F87: a name that became another's does not end the copies", "[store][copy][damage]") {
    TempFolder folder;
    TestExecutor executor;
    RecordingLog log;
    const std::string path = folder.file("mesh.db");
    make_store(path);
    const auto names_in_copy = [&] {
        std::vector<std::string> names;
        const auto copy = open(path + ".last", Access::read, log);
        if (!copy) return names;
        const auto certificates = (*copy)->certificates();
        if (!certificates) return names;
        for (const StoredCertificate& certificate : *certificates)
            names.push_back(certificate.record.key.names.front());
        return names;
    };
    Timing timing;
    timing.copy_settle = 0ms;
    timing.copy_interval = 0ms;
    // So many that the writer does not write the page of the damaged one when it adds another.
    constexpr int more = 100;
    Transition changes;
    for (int i = 100; i < 100 + more; ++i) {
        changes.emplace_back(PutCertificate{a_certificate(name_of(i))});
        changes.emplace_back(a_version(name_of(i), "key of " + name_of(i)));
    }
    {
        const auto store = open(path, Access::own, log, timing);
        REQUIRE(commit(**store, executor, changes));
        eventually([&] { return names_in_copy().size() == certificates_made + more; });
    }
    const auto store = open(path, Access::own, log, timing);
    REQUIRE(store);
    give_name_of_another(path);
    REQUIRE(commit(**store,
                   executor,
                   {PutCertificate{a_certificate("new.example")}, a_version("new.example", "k")}));

    eventually([&] { return names_in_copy().size() == certificates_made + more + 1; });

    const auto names = names_in_copy();
    CHECK(std::count(names.begin(), names.end(), name_of(7)) == 1);
    CHECK(log.count("store_copy_failed") == 0);
    // It was damaged, and the copy before had it.
    const auto certificates = (*open(path, Access::read, log))->certificates().value();
    CHECK(std::none_of(certificates.begin(), certificates.end(), [](const auto& certificate) {
        return certificate.record.key.names.front() == name_of(7);
    }));
}

}  // namespace mesh::store
