// A process that dies in the middle of a commit or a migration: at its n-th write or sync, before
// it, or with half of it done. Says "survived" when there are fewer.
#include "base/log.hpp"
#include "store/schema.hpp"
#include "store/store.hpp"

#include <SQLiteCpp/Database.h>
#include <sqlite3.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <unistd.h>

namespace {

using namespace mesh;
using namespace mesh::store;

/// SQLite has a table of functions for each kind of file; this is one of them with ours in it.
struct Counting {
    sqlite3_io_methods methods;  // first: a file points at it
    const sqlite3_io_methods* real;
};

std::atomic<int> writes_left{-1};  // negative: not counting
bool half = false;
std::mutex mutex;
std::map<const sqlite3_io_methods*, Counting> tables;
sqlite3_vfs vfs;
sqlite3_vfs* real_vfs = nullptr;

void die() {
    ::kill(::getpid(), SIGKILL);
}

bool is_the_last() {
    return writes_left > 0 && --writes_left == 0;
}

const sqlite3_io_methods& real_of(const sqlite3_file* file) {
    return *reinterpret_cast<const Counting*>(file->pMethods)->real;
}

int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
    if (is_the_last()) {
        if (half) (void)real_of(file).xWrite(file, data, size / 2, at);
        die();
    }
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

class Immediate final : public Executor {
 public:
    void post(std::function<void()> task) override { task(); }
    void post_after(std::chrono::milliseconds, std::function<void()> task) override { task(); }
};

int renew(const std::string& path, int count) {
    NullLog log;
    auto opened = open(path, Access::own, log);
    if (!opened) return 1;
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
                         writes_left = -1;
                         committed.set_value(result.has_value());
                     });
    return committed.get_future().get() ? 0 : 1;
}

int bring_to_2(const std::string& path, int count) {
    constexpr std::array<Migration, 2> steps{
        {{1'000, "CREATE TABLE one (x TEXT) STRICT"},
         {2'000, "ALTER TABLE one ADD COLUMN y TEXT; UPDATE one SET y = x"}}};
    SQLite::Database database(path, SQLite::OPEN_READWRITE);
    writes_left = count;
    return migrate(database, path, steps) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) return 2;
    const std::string what = argv[1];
    half = std::string(argv[4]) == "half";
    count_writes_of_this_process();
    const int failed = what == "renew" ? renew(argv[2], std::atoi(argv[3]))
                                       : bring_to_2(argv[2], std::atoi(argv[3]));
    if (failed == 0) std::puts("survived");
    return failed;
}
