// What a start makes of a database that is not what it was.
#include "child.hpp"
#include "damaged_store.hpp"
#include "held_view.hpp"
#include "store/inspection.hpp"

#include <SQLiteCpp/Database.h>

#include <random>

namespace mesh::store {
namespace {

using namespace std::chrono_literals;

void check_everything_is_there(Store& store) {
    const auto accounts = store.accounts();
    REQUIRE(accounts);
    REQUIRE(accounts->size() == 1);
    CHECK(accounts->front().key_pem.reveal() == "account key");
    const auto certificates = store.certificates();
    REQUIRE(certificates);
    REQUIRE(certificates->size() == certificates_made);
    for (const StoredCertificate& certificate : *certificates)
        CHECK(store.version(certificate.version_id)->key_pem.reveal() ==
              "key of " + certificate.record.key.names.front());
}

struct Damage {
    const char* what;
    std::function<std::string(std::string)> to;
};

const Damage damages[] = {
    {"truncated", [](std::string bytes) { return bytes.substr(0, bytes.size() / 2); }},
    {"truncated inside the header", [](std::string bytes) { return bytes.substr(0, 50); }},
    {"its header zeroed", [](std::string bytes) { return bytes.replace(0, 100, 100, '\0'); }},
    {"all zeros", [](std::string bytes) { return std::string(bytes.size(), '\0'); }},
    {"zero bytes", [](std::string) { return std::string(); }},
    {"a page of the schedules gone",
     [](std::string bytes) { return bytes.replace(4'096, 8'192, 8'192, 'x'); }},
};

}  // namespace

TEST_CASE("F85: a damaged database is set aside and its copy opened, account key and all",
          "[store][damage]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    make_store(path);
    const std::string good = bytes_of(path);
    for (const Damage& damage : damages) {
        INFO(damage.what);
        const std::string bytes = damage.to(good);
        write(path, bytes);
        RecordingLog log;
        {
            const auto store = open(path, Access::own, log);
            REQUIRE(store);
            CHECK((*store)->writable());
            check_everything_is_there(**store);
        }
        const auto aside = set_aside(folder.path());
        const std::string line = log.line_with("ERROR store_restored");
        CHECK_THAT(line, ContainsSubstring("copy=" + path + ".last"));
        if (bytes.empty()) {
            CHECK(aside.empty());  // there is nothing to keep
        } else {
            REQUIRE(aside.size() == 1);
            CHECK_THAT(line, ContainsSubstring("set_aside=" + aside.front()));
            CHECK(bytes_of(aside.front()) == bytes);
            std::filesystem::remove(aside.front());
        }
        CHECK(std::filesystem::exists(path + ".last"));
        CHECK_FALSE(std::filesystem::exists(path + ".new"));
    }
}

TEST_CASE("F85: an empty file beside a log with data is set aside with its log",
          "[store][damage]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    make_store(path);
    write(path, "");
    write(path + "-wal", "what was not yet moved into the file");
    std::filesystem::permissions(path + "-wal", std::filesystem::perms(0644));
    RecordingLog log;
    const auto store = open(path, Access::own, log);
    REQUIRE(store);
    check_everything_is_there(**store);
    const auto aside = set_aside(folder.path());
    REQUIRE(aside.size() == 1);
    CHECK(bytes_of(aside[0]) == "what was not yet moved into the file");
    CHECK(std::filesystem::status(aside[0]).permissions() == std::filesystem::perms(0600));
    CHECK_THAT(log.line_with("ERROR store_mode"), ContainsSubstring("file=" + path + "-wal"));
}

TEST_CASE("F85: the log of a killed owner is set aside as it was, with its damaged database",
          "[store][damage]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    make_store(path);
    std::string log_bytes;
    std::string bytes;
    {
        TestExecutor executor;
        const auto store = open_own(path);
        const HeldView view(path);
        REQUIRE(commit(*store,
                       executor,
                       {PutCertificate{a_certificate(name_of(0))},
                        a_version(name_of(0), "key of " + name_of(0))}));
        log_bytes = bytes_of(path + "-wal");
        bytes = bytes_of(path);
    }
    REQUIRE_FALSE(log_bytes.empty());
    bytes.resize(bytes.size() / 2);
    write(path, bytes);
    write(path + "-wal", log_bytes);

    RecordingLog log;
    const auto store = open(path, Access::own, log);

    REQUIRE(store);
    check_everything_is_there(**store);
    const auto aside = set_aside(folder.path());
    REQUIRE(aside.size() == 2);
    CHECK(bytes_of(aside[0]) == bytes);
    CHECK(aside[1] == aside[0] + "-wal");
    CHECK(bytes_of(aside[1]) == log_bytes);
}

TEST_CASE("F85: a command that only looks leaves the log beside an emptied file",
          "[store][damage]") {
    TempFolder folder;
    NullLog log;
    const std::string path = folder.file("mesh.db");
    make_store(path);
    write(path, "");
    for (const bool with_index : {false, true}) {
        CAPTURE(with_index);
        write(path + "-wal", "what was not yet moved into the file");
        if (with_index) write(path + "-shm", std::string(32'768, '\0'));
        const auto store = open(path, Access::read, log);
        REQUIRE_FALSE(store);
        CHECK(store.error().code == Errc::corrupt);
        CHECK_FALSE(inspect_database(path));
        CHECK_FALSE(back_up(path, folder.file("backup.db")));
        CHECK(bytes_of(path + "-wal") == "what was not yet moved into the file");
    }
}

TEST_CASE("F85: without a copy that can be used a new store is begun, and nothing deleted",
          "[store][damage]") {
    for (const bool copy_is_damaged : {false, true}) {
        CAPTURE(copy_is_damaged);
        TempFolder folder;
        TestExecutor executor;
        const std::string path = folder.file("mesh.db");
        make_store(path);
        const std::string damaged = bytes_of(path).substr(0, 20'000);
        write(path, damaged);
        if (copy_is_damaged)
            write(path + ".last", damaged);
        else
            std::filesystem::remove(path + ".last");
        RecordingLog log;
        const auto store = open(path, Access::own, log);
        REQUIRE(store);
        CHECK((*store)->certificates()->empty());
        CHECK(commit(**store, executor, {PutCertificate{a_certificate("new.example")}}));
        const auto aside = set_aside(folder.path());
        REQUIRE(aside.size() == (copy_is_damaged ? 2 : 1));
        CHECK_THAT(log.line_with("ERROR store_begun_anew"), ContainsSubstring(aside.front()));
        for (const std::string& file : aside) CHECK(bytes_of(file) == damaged);
    }
}

TEST_CASE("F85: a copy that cannot be read just now is not taken for none", "[store][damage]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    make_store(path);
    const std::string damaged = bytes_of(path).substr(0, 20'000);
    write(path, damaged);
    std::filesystem::rename(path + ".last", folder.file("copy"));
    std::filesystem::create_directory(path + ".last");
    RecordingLog log;
    {
        const auto store = open(path, Access::own, log);
        if (store) CHECK_FALSE((*store)->writable());
    }
    CHECK(set_aside(folder.path()).empty());
    CHECK(bytes_of(path) == damaged);

    std::filesystem::remove(path + ".last");
    std::filesystem::rename(folder.file("copy"), path + ".last");
    const auto store = open(path, Access::own, log);
    REQUIRE(store);
    check_everything_is_there(**store);
}

TEST_CASE("F85: a change that meets a damaged page stops no other, and is looked into at a start",
          "[store][damage]") {
    TempFolder folder;
    TestExecutor executor;
    const std::string path = folder.file("mesh.db");
    make_store(path);
    RecordingLog log;
    {
        const auto store = open(path, Access::own, log);
        REQUIRE(store);
        std::string bytes = bytes_of(path);
        const std::size_t page = 4'096;
        const std::size_t at_page = bytes.find("key of " + name_of(7)) / page * page;
        std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
        file.seekp(static_cast<std::streamoff>(at_page));
        file << std::string(page, 'x');
        file.close();
        // Now the store's own connection has to read its pages anew.
        SQLite::Database(path, SQLite::OPEN_READWRITE, 5'000)
            .exec("UPDATE account SET email = 'x'");

        const auto refused = commit(**store, executor, {DeleteCertificate{key_of({name_of(7)})}});
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == Errc::corrupt);
        CHECK(commit(**store, executor, {PutAuthority{{directory, at(5), "still written"}}}));
        CHECK_THAT(log.line_with("ERROR store_damaged"), ContainsSubstring("storage=" + path));
        CHECK(std::filesystem::exists(path + ".suspect"));
    }
    const auto store = open(path, Access::own, log);
    REQUIRE(store);
    check_everything_is_there(**store);
    CHECK_FALSE(std::filesystem::exists(path + ".suspect"));
}

TEST_CASE("F85: a database that was deleted comes back from its copy", "[store][damage]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    make_store(path);
    std::filesystem::remove(path);
    RecordingLog log;
    const auto store = open(path, Access::own, log);
    REQUIRE(store);
    check_everything_is_there(**store);
    CHECK_THAT(log.line_with("store_restored"), ContainsSubstring("missing"));
}

TEST_CASE("F85: the copy is found also through a link whose file is away", "[store][damage]") {
    TempFolder folder;
    NullLog log;
    const std::string path = folder.file("mesh.db");
    make_store(path);
    std::filesystem::remove(path);
    std::filesystem::create_directory(folder.file("links"));
    for (const std::string& target : {path, std::string("../mesh.db")}) {
        std::filesystem::create_symlink(target, folder.file("links/mesh.db"));
        const auto store = open(folder.file("links/mesh.db"), Access::own, log);
        REQUIRE(store);
        check_everything_is_there(**store);
        CHECK(std::filesystem::is_symlink(folder.file("links/mesh.db")));
        std::filesystem::remove(folder.file("links/mesh.db"));
        std::filesystem::remove(path);
    }
}

TEST_CASE("F85: killed between setting aside and opening the copy, the next start ends it",
          "[store][damage]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    make_store(path);
    // The database was renamed already, its log not yet, and the copy lies ready.
    std::filesystem::rename(path, path + ".corrupt-20261122T080000Z");
    write(path + "-wal", std::string(5'000, 'w'));
    write(path + ".new", "half of a copy");
    NullLog log;
    const auto store = open(path, Access::own, log);
    REQUIRE(store);
    check_everything_is_there(**store);
    CHECK_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_CASE("F85: what certainly is no store of ours stays as it is, however often mesh starts",
          "[store][damage]") {
    TempFolder folder;
    NullLog log;
    const std::string path = folder.file("notes.txt");
    write(path, std::string(5'000, 'x'));
    for (int start = 0; start < 3; ++start) {
        const auto store = open(path, Access::own, log);
        REQUIRE_FALSE(store);
        CHECK(store.error().code == Errc::corrupt);
    }
    CHECK(bytes_of(path) == std::string(5'000, 'x'));
    CHECK(set_aside(folder.path()).empty());
}

TEST_CASE("F85: a command that only looks leaves a damaged store as it is", "[store][damage]") {
    TempFolder folder;
    NullLog log;
    const std::string path = folder.file("mesh.db");
    make_store(path);
    const std::string damaged = bytes_of(path).substr(0, 20'000);
    write(path, damaged);
    const auto store = open(path, Access::read, log);
    REQUIRE_FALSE(store);
    CHECK(store.error().code == Errc::corrupt);
    CHECK(bytes_of(path) == damaged);
    CHECK(set_aside(folder.path()).empty());
}

namespace {

std::vector<std::size_t> places_of(const std::string& what, const std::string& bytes) {
    std::vector<std::size_t> places;
    for (auto at = bytes.find(what); at != std::string::npos; at = bytes.find(what, at + 1))
        places.push_back(at);
    return places;
}

}  // namespace

TEST_CASE("F87: a name, a date or an index that changed is what was stored again",
          "[store][damage]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    make_store(path);
    const std::string good = bytes_of(path);
    const std::string copy = bytes_of(path + ".last");
    const Facts before = facts_of(*open_own(path));
    // Milliseconds as SQLite writes them: six bytes, big-endian.
    const auto milliseconds = std::int64_t{1'707'776'000'000};
    std::string date;
    for (int shift = 40; shift >= 0; shift -= 8)
        date += static_cast<char>(milliseconds >> shift & 0xff);
    const std::string names = name_of(7) + name_of(7);  // as identity and in order
    const std::string own_serial = "0a1b" + std::string(64, 'f');
    std::size_t mended = 0;
    std::size_t tried = 0;
    for (const std::string& what : {directory + names, directory + name_of(7), date, own_serial}) {
        const auto places = places_of(what, good);
        REQUIRE_FALSE(places.empty());
        const std::size_t at = places.at(places.size() / 2);
        for (std::size_t byte = at; byte < at + what.size(); ++byte) {
            INFO("byte " << byte << ", of " << what);
            std::string damaged = good;
            damaged[byte] ^= 1;
            for (const char* ending : {"-wal", "-shm"}) std::filesystem::remove(path + ending);
            write(path, damaged);
            write(path + ".last", copy);
            RecordingLog log;
            CHECK(facts_of(*open_own(path, log)) == before);
            mended += log.count("store_mended") + log.count("store_restored");
            ++tried;
            RecordingLog again;
            CHECK(facts_of(*open_own(path, again)) == before);
            CHECK(again.count("store_mended") == 0);
        }
    }
    CHECK(mended + name_of(7).size() >= tried);
}

namespace {

/// A byte inside a key or a chain, of a certificate that `random` picks.
std::size_t offset_in_material(const std::string& bytes, std::mt19937& random) {
    const std::string what = random() % 2 == 0 ? "key of " : "chain of ";
    const std::size_t found =
        bytes.find(what + name_of(static_cast<int>(random() % certificates_made)));
    REQUIRE(found != std::string::npos);
    return found + random() % what.size();
}

/// Whatever byte changes: the right key, that of the copy, or an answer that says it is damaged.
/// Every fourth is one of a key or a chain.
void flip_bytes(int rounds, unsigned seed) {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    make_store(path);
    const std::string good = bytes_of(path);
    const std::string copy = bytes_of(path + ".last");
    INFO("seed " << seed);
    std::mt19937 random(seed);
    int refused = 0;
    int read_from_copy = 0;
    for (int round = 0; round < rounds; ++round) {
        std::string damaged = good;
        const std::size_t offset =
            round % 4 == 0 ? offset_in_material(good, random) : random() % damaged.size();
        INFO("offset " << offset);
        damaged[offset] ^= static_cast<char>(1U << (random() % 8));
        for (const char* ending : {"-wal", "-shm"}) std::filesystem::remove(path + ending);
        write(path, damaged);
        write(path + ".last", copy);
        NullLog log;
        const auto store = open(path, Access::own, log);
        if (!store) {
            // The few bytes of the header that say whose file this is, and of which version.
            CHECK(offset < 100);
            ++refused;
            continue;
        }
        const auto accounts = (*store)->accounts();
        REQUIRE(accounts);
        REQUIRE(accounts->size() == 1);
        CHECK(accounts->front().key_pem.reveal() == "account key");
        const auto certificates = (*store)->certificates();
        REQUIRE(certificates);
        CHECK(certificates->size() == certificates_made);
        for (const StoredCertificate& certificate : *certificates) {
            auto material = (*store)->version(certificate.version_id);
            if (!material) {
                material = (*store)->version_of_copy(certificate.version_id);
                ++read_from_copy;
            }
            // A name, a number or a date that changed may make it another certificate; the key and
            // the chain belong together all the same.
            if (!material) continue;
            const std::string key(material->key_pem.reveal());
            CHECK(key == "key of " + material->chain_pem.substr(std::string("chain of ").size()));
        }
    }
    CHECK(refused <= rounds / 10);
    CHECK(read_from_copy >= rounds / 4);
}

}  // namespace

TEST_CASE("F85 and F87: a byte that changed never makes another key of one", "[store][damage]") {
    flip_bytes(80, 1);
}

TEST_CASE("F85 and F87: 500 bytes that changed, one at a time", "[.][store][damage][long]") {
    flip_bytes(500, std::random_device{}());
}

}  // namespace mesh::store
