// A process that dies in the middle of a commit or a migration: at its n-th write or sync. How:
//   whole  killed before it
//   half   killed with half of it written
//   lost   the power fails before it: nothing is on disk that was not synced
// Says "survived" when there are fewer; with "lost" the power fails right after that.
#include "base/log.hpp"
#include "store/schema.hpp"
#include "store/store.hpp"

#include <SQLiteCpp/Database.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace mesh;
using namespace mesh::store;

/// SQLite has a table of functions for each kind of file; this is one of them with ours in it.
struct Counting {
    sqlite3_io_methods methods;  // first: a file points at it
    const sqlite3_io_methods* real;
};

/// What a write that is not synced yet has replaced.
struct Replaced {
    std::string path;
    sqlite3_int64 at;
    std::string bytes;
    sqlite3_int64 size;  ///< of the file
};

std::atomic<int> writes_left{-1};  // negative: not counting
std::string how;
std::mutex mutex;
std::map<const sqlite3_io_methods*, Counting> tables;
std::map<const sqlite3_file*, std::string> paths;
std::vector<Replaced> unsynced;
sqlite3_vfs vfs;
sqlite3_vfs* real_vfs = nullptr;

void lose_what_is_not_synced() {
    const std::lock_guard lock(mutex);
    std::reverse(unsynced.begin(), unsynced.end());
    for (const Replaced& one : unsynced) {
        const int file = ::open(one.path.c_str(), O_WRONLY | O_CLOEXEC);
        if (file < 0) continue;  // deleted since
        if (::pwrite(file, one.bytes.data(), one.bytes.size(), one.at) < 0) std::abort();
        if (::ftruncate(file, one.size) != 0) std::abort();
        ::close(file);
    }
}

void die() {
    if (how == "lost") lose_what_is_not_synced();
    ::kill(::getpid(), SIGKILL);
}

bool is_the_last() {
    return writes_left > 0 && --writes_left == 0;
}

const sqlite3_io_methods& real_of(const sqlite3_file* file) {
    return *reinterpret_cast<const Counting*>(file->pMethods)->real;
}

void remember_what_it_replaces(sqlite3_file* file, int size, sqlite3_int64 at) {
    const std::lock_guard lock(mutex);
    Replaced one{paths[file], at, std::string(static_cast<std::size_t>(size), '\0'), 0};
    if (real_of(file).xFileSize(file, &one.size) != SQLITE_OK) return;
    const sqlite3_int64 there = std::clamp<sqlite3_int64>(one.size - at, 0, size);
    one.bytes.resize(static_cast<std::size_t>(there));
    (void)real_of(file).xRead(file, one.bytes.data(), static_cast<int>(there), at);
    unsynced.push_back(std::move(one));
}

int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
    if (is_the_last()) {
        if (how == "half") (void)real_of(file).xWrite(file, data, size / 2, at);
        die();
    }
    remember_what_it_replaces(file, size, at);
    return real_of(file).xWrite(file, data, size, at);
}

int sync(sqlite3_file* file, int flags) {
    if (is_the_last()) die();
    return real_of(file).xSync(file, flags);
}

int open_counting(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    const int result = real_vfs->xOpen(real_vfs, name, file, flags, out_flags);
    if (result != SQLITE_OK || file->pMethods == nullptr) return result;
    const std::lock_guard lock(mutex);
    paths[file] = name != nullptr ? name : "";
    const auto [found, is_new] = tables.try_emplace(file->pMethods);
    if (is_new) {
        found->second = {*file->pMethods, file->pMethods};
        found->second.methods.xWrite = write;
        found->second.methods.xSync = sync;
    }
    file->pMethods = &found->second.methods;
    return result;
}

void count_writes_of_this_process() {
    real_vfs = sqlite3_vfs_find(nullptr);
    vfs = *real_vfs;
    vfs.zName = "counting";
    vfs.xOpen = open_counting;
    sqlite3_vfs_register(&vfs, 1);
}

/// Whoever syncs, SQLite or we, comes by here.
int note_synced(int descriptor, long call) {
    const auto result = static_cast<int>(::syscall(call, descriptor));
    std::error_code ignored;
    const std::string path =
        std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor), ignored);
    const std::lock_guard lock(mutex);
    std::erase_if(unsynced, [&](const Replaced& one) { return one.path == path; });
    return result;
}

/// Runs a completion where it was posted from: the store's own thread.
class Immediate final : public Executor {
 public:
    void post(std::function<void()> task) override { task(); }
    void post_after(std::chrono::milliseconds, std::function<void()> task) override { task(); }
};

void survived() {
    writes_left = -1;
    constexpr std::string_view said = "survived\n";
    if (::write(STDOUT_FILENO, said.data(), said.size()) < 0) std::abort();
    if (how == "lost") die();
}

bool renew(const std::string& path, int count) {
    NullLog log;
    auto opened = open(path, Access::own, log);
    if (!opened) return false;
    CertificateRecord record;
    record.key = {"https://ca.example/dir", {"shop.example"}};
    record.ordered_names = record.key.names;
    PutVersion version;
    version.key = record.key;
    version.chain_pem = "chain new" + std::string(9'000, 'c');
    version.key_pem = Secret("key new");
    version.facts.serial = "new";
    Immediate here;
    std::promise<bool> committed;
    writes_left = count;
    (*opened)->apply({PutCertificate{record}, version, DeleteOrder{record.key}},
                     here,
                     [&](const Result<Applied>& result) {
                         if (result) survived();
                         committed.set_value(result.has_value());
                     });
    return committed.get_future().get();
}

bool bring_to_2(const std::string& path, int count) {
    constexpr std::array<Migration, 2> steps{
        {{1'000, "CREATE TABLE one (x TEXT) STRICT"},
         {2'000, "ALTER TABLE one ADD COLUMN y TEXT; UPDATE one SET y = x"}}};
    SQLite::Database database(path, SQLite::OPEN_READWRITE);
    writes_left = count;
    if (!migrate(database, path, steps)) return false;
    survived();
    return true;
}

}  // namespace

extern "C" int fsync(int descriptor) {
    return note_synced(descriptor, SYS_fsync);
}
extern "C" int fdatasync(int descriptor) {
    return note_synced(descriptor, SYS_fdatasync);
}

int main(int argc, char** argv) {
    if (argc != 5) return 2;
    const std::string what = argv[1];
    how = argv[4];
    count_writes_of_this_process();
    const int count = std::atoi(argv[3]);
    const bool done = what == "renew" ? renew(argv[2], count) : bring_to_2(argv[2], count);
    return done ? 0 : 1;
}
