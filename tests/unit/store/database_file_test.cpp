#include "store/database_file.hpp"

#include "fixture.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace mesh::store {
namespace {

/// So that what comes out private is our doing, not the umask's.
class OpenUmask {
 public:
    OpenUmask() : before_(::umask(0)) {}
    OpenUmask(const OpenUmask&) = delete;
    OpenUmask& operator=(const OpenUmask&) = delete;
    ~OpenUmask() { ::umask(before_); }

 private:
    mode_t before_;
};

Error refusal(const std::string& path, Access access = Access::own) {
    NullLog log;
    const auto store = open(path, access, log);
    if (store) throw std::runtime_error("opened " + path);
    return store.error();
}

std::vector<std::string> files_in(const std::string& folder) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace

TEST_CASE("store: every file of it is 0600 and folders it makes are 0700, whatever the umask",
          "[store][file]") {
    const OpenUmask umask;
    TempFolder folder;
    TestExecutor executor;
    const std::string path = folder.file("var/lib/mesh.db");
    const auto store = open_own(path);
    REQUIRE(commit(*store, executor, {PutCertificate{a_certificate("a.example")}}));

    CHECK(mode_of(folder.file("var")) == 0700);
    CHECK(mode_of(folder.file("var/lib")) == 0700);
    for (const char* ending : {"", "-wal", "-shm", ".lock"}) {
        INFO(ending);
        CHECK(mode_of(path + ending) == 0600);
    }
}

TEST_CASE("store: a mode wider than 0600 is set back with an error in the log", "[store][file]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    (void)open_own(path);
    REQUIRE(::chmod(path.c_str(), 0644) == 0);
    RecordingLog log;
    const auto store = open_own(path, log);
    for (const char* ending : {"", "-wal", "-shm"}) CHECK(mode_of(path + ending) == 0600);
    CHECK_THAT(log.line_with("store_mode"), ContainsSubstring("ERROR store_mode"));
    CHECK_THAT(log.line_with("store_mode"), ContainsSubstring("file=" + path));
}

TEST_CASE("store: Traefik's acme.json is refused and untouched", "[store][file]") {
    TempFolder folder;
    const std::string path = folder.file("acme.json");
    const std::string content = "{\n  \"myresolver\": {}\n}\n";
    std::ofstream(path) << content;
    REQUIRE(::chmod(path.c_str(), 0640) == 0);

    for (const Access access : {Access::own, Access::read}) {
        const Error error = refusal(path, access);
        CHECK(error.code == Errc::unsupported);
        CHECK(error.message ==
              "acme.json is a Traefik store: use another storage and mesh certs import acme.json");
        CHECK(bytes_of(path) == content);
        CHECK(mode_of(path) == 0640);
        CHECK(files_in(folder.path()) == std::vector<std::string>{"acme.json"});
    }
}

TEST_CASE("store: a file of another kind is corrupt, and untouched", "[store][file]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    const std::string content(5'000, 'x');
    std::ofstream(path) << content;
    for (const Access access : {Access::own, Access::read}) {
        const Error error = refusal(path, access);
        CHECK(error.code == Errc::corrupt);
        CHECK_THAT(error.message, ContainsSubstring(path + ": file is not a database"));
        CHECK(bytes_of(path) == content);
    }
}

TEST_CASE("store: a folder in the place of the file is refused", "[store][file]") {
    TempFolder folder;
    CHECK(refusal(folder.path()).code == Errc::invalid);
}

TEST_CASE("store: an empty file is a new store", "[store][file]") {
    TempFolder folder;
    TestExecutor executor;
    const std::string path = folder.file("mesh.db");
    std::ofstream(path).flush();
    CHECK(refusal(path, Access::read).code == Errc::not_found);
    const auto store = open_own(path);
    CHECK(commit(*store, executor, {PutCertificate{a_certificate("a.example")}}));
}

TEST_CASE("store: through a symbolic link it is the same store", "[store][file]") {
    TempFolder folder;
    TestExecutor executor;
    std::filesystem::create_directory(folder.file("real"));
    (void)open_own(folder.file("real/mesh.db"));
    std::filesystem::create_symlink(folder.file("real/mesh.db"), folder.file("link.db"));
    const auto store = open_own(folder.file("link.db"));
    CHECK(commit(*store, executor, {PutCertificate{a_certificate("a.example")}}));
    CHECK(refusal(folder.file("real/mesh.db")).code == Errc::conflict);
    CHECK(files_in(folder.path()) == std::vector<std::string>{"link.db", "real"});
}

TEST_CASE("store: another user's file is refused with the chown that mends it", "[store][file]") {
    if (::geteuid() != 0) {
        WARN("only root can give a file away");
        return;
    }
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    (void)open_own(path);
    REQUIRE(::chown(path.c_str(), 1, 1) == 0);
    const Error error = refusal(path);
    CHECK(error.code == Errc::permission);
    CHECK(error.message == path + " belongs to daemon, mesh runs as root: chown root " + path +
                               "*, or run mesh as daemon");
    NullLog log;
    CHECK(open(path, Access::read, log));
}

TEST_CASE("store: a file system over the network is told by its number", "[store][file]") {
    CHECK(network_file_system(0x6969) == "NFS");
    CHECK(network_file_system(0xFF534D42) == "CIFS");
    CHECK(network_file_system(0xFE534D42) == "SMB");
    CHECK_FALSE(network_file_system(0xEF53));      // ext4
    CHECK_FALSE(network_file_system(0x01021994));  // tmpfs
    CHECK_FALSE(network_file_system(0x58465342));  // XFS
    CHECK_FALSE(network_file_system(0x9123683E));  // Btrfs
}

}  // namespace mesh::store
