// The second process of the store's tests. Says what happened on standard output, a line each.
#include "base/log.hpp"
#include "store/store.hpp"

#include <array>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <mutex>
#include <sched.h>
#include <string>
#include <string_view>
#include <sys/mount.h>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace mesh;
using namespace mesh::store;

/// One write(2) per line: a line that was printed stays printed when the process is killed.
void say(std::string line) {
    line += '\n';
    if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::exit(9);
}

/// Runs a completion where it was posted from: the store's own thread.
class Immediate final : public Executor {
 public:
    void post(std::function<void()> task) override { task(); }
    void post_after(std::chrono::milliseconds, std::function<void()> task) override { task(); }
};

class EventLog final : public Log {
 public:
    void write(LogLevel,
               std::string_view event,
               std::string_view,
               std::initializer_list<LogField>) override {
        // The online copy keeps its own time.
        if (!event.starts_with("store_cop")) say("event " + std::string(event));
    }
    [[nodiscard]] bool enabled(LogLevel) const override { return true; }
};

std::unique_ptr<Store> open_or_exit(const std::string& path, Access access, Log& log) {
    Timing timing;
    timing.write_retry = std::chrono::milliseconds(20);
    auto opened = open(path, access, log, timing);
    if (opened) return *std::move(opened);
    say("refused " + std::string(to_string(opened.error().code)) + ' ' + opened.error().message);
    std::exit(4);
}

void wait_for_end_of_input() {
    std::array<char, 64> ignored{};
    while (::read(STDIN_FILENO, ignored.data(), ignored.size()) > 0) {
    }
}

CertificateKey key_of(int number) {
    return {"https://ca.example/dir", {"c" + std::to_string(number) + ".example"}};
}

Transition issue(int number) {
    CertificateRecord record;
    record.key = key_of(number % 20);
    record.ordered_names = record.key.names;
    PutVersion version;
    version.key = record.key;
    version.chain_pem = "chain " + std::to_string(number) + std::string(3'000, 'c');
    version.key_pem = Secret("key " + std::to_string(number));
    version.facts.serial = std::to_string(number);
    return {PutCertificate{record},
            version,
            AddHistory{{record.key, WallTime{}, "issued", std::to_string(number)}}};
}

Result<Applied> commit(Store& store, Transition transition) {
    Immediate here;
    std::promise<Result<Applied>> promise;
    store.apply(std::move(transition), here, [&](Result<Applied> result) {
        promise.set_value(std::move(result));
    });
    return promise.get_future().get();
}

/// Writes for ever, eight transitions in flight; prints the number of each when it is on disk.
int write_for_ever(const std::string& path, int first) {
    NullLog log;
    Immediate here;
    auto store = open_or_exit(path, Access::own, log);
    std::mutex mutex;
    std::condition_variable done;
    int in_flight = 0;
    for (int number = first;; ++number) {
        std::unique_lock lock(mutex);
        done.wait(lock, [&] { return in_flight < 8; });
        ++in_flight;
        lock.unlock();
        store->apply(issue(number), here, [&, number](const Result<Applied>& result) {
            say(result ? std::to_string(number) : "failed " + result.error().message);
            const std::lock_guard guard(mutex);
            --in_flight;
            done.notify_one();
        });
    }
}

int hold(const std::string& path) {
    NullLog log;
    const auto store = open_or_exit(path, Access::own, log);
    say("ready");
    wait_for_end_of_input();
    return 0;
}

int open_and_use(const std::string& path, Access access) {
    EventLog log;
    const auto store = open_or_exit(path, access, log);
    say(store->writable() ? "writable" : "not writable");
    const auto certificates = store->certificates();
    if (!certificates) {
        say("unreadable " + certificates.error().message);
        return 1;
    }
    say("certificates " + std::to_string(certificates->size()));
    if (!certificates->empty()) {
        const auto material = store->version(certificates->front().version_id);
        say(material ? "key " + std::string(material->key_pem.reveal()) : material.error().message);
    }
    const auto applied = commit(*store, issue(1));
    say(applied ? "applied" : "not applied " + std::string(to_string(applied.error().code)));
    return 0;
}

/// As the user nobody, who has no rights the mode bits do not give.
int open_as_nobody(const std::string& path, Access access) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) return 77;
    return open_and_use(path, access);
}

/// No file may grow: not the log either.
int open_without_room(const std::string& path) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{4'096, 4'096};
    ::setrlimit(RLIMIT_FSIZE, &small);
    return open_and_use(path, Access::own);
}

void say_key(Store& store) {
    const auto certificates = store.certificates();
    const auto material = certificates && !certificates->empty()
                              ? store.version(certificates->front().version_id)
                              : Result<VersionMaterial>(Error{});
    say(material ? "key " + std::string(material->key_pem.reveal()) : "no key");
}

/// As nobody, in a place that cannot be written until somebody mends it meanwhile.
int recover_as_nobody(const std::string& path) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) return 77;
    EventLog log;
    const auto opened = open_or_exit(path, Access::own, log);
    Store& store = *opened;
    say(store.writable() ? "writable" : "not writable");
    auto applied = commit(store, issue(1));
    say(applied ? "applied" : "not applied " + std::string(to_string(applied.error().code)));
    say_key(store);
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!store.writable() && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    // Writable is said before it is logged.
    applied = commit(store, issue(1));
    say(applied ? "applied" : "not applied " + std::string(to_string(applied.error().code)));
    say_key(store);
    return 0;
}

bool mount_small_disk(const std::string& folder) {
    if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    return ::mount("none", folder.c_str(), "tmpfs", 0, "size=2m") == 0;
}

/// Fills a disk of 2 MB until a commit fails, makes room, and goes on.
int fill_disk(const std::string& folder) {
    if (!mount_small_disk(folder)) return 77;
    EventLog log;
    const std::string path = folder + "/mesh.db";
    auto store = open_or_exit(path, Access::own, log);
    if (!commit(*store, issue(0))) return 1;
    {
        std::ofstream filler(folder + "/filler");
        const std::string block(4'096, 'f');
        while (filler.write(block.data(), 4'096).flush()) {
        }
    }
    int number = 1;
    Result<Applied> applied = Applied{};
    while (applied && number < 2'000) applied = commit(*store, issue(number++));
    if (applied) return 1;
    say("failed " + std::string(to_string(applied.error().code)));
    const int last_good = number - 2;
    const auto certificates = store->certificates();
    say(certificates && !certificates->empty() ? "still read" : "unreadable");

    // What was said to be stored must be there for an owner that starts on the full disk.
    store.reset();
    store = open_or_exit(path, Access::own, log);
    const auto history = store->history(key_of(last_good % 20), 1);
    say(history && !history->empty() && history->front().detail == std::to_string(last_good)
            ? "nothing lost"
            : "lost");

    // It could not be written when it was opened, or cannot now: no other start is needed.
    std::filesystem::remove(folder + "/filler");
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    applied = Error{};
    while (!applied && std::chrono::steady_clock::now() < until) {
        applied = commit(*store, issue(5'000));
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    say(applied ? "room again" : "still failing");
    return 0;
}

/// The same without leaving: the disk fills and is cleared under a running owner.
int recover_from_full_disk(const std::string& folder) {
    if (!mount_small_disk(folder)) return 77;
    EventLog log;
    auto store = open_or_exit(folder + "/mesh.db", Access::own, log);
    {
        std::ofstream filler(folder + "/filler");
        const std::string block(4'096, 'f');
        while (filler.write(block.data(), 4'096).flush()) {
        }
    }
    int number = 0;
    while (number < 2'000 && commit(*store, issue(number))) ++number;
    for (int i = 0; i < 5; ++i) (void)commit(*store, issue(number));
    std::filesystem::remove(folder + "/filler");
    say(commit(*store, issue(number)) ? "room again" : "still failing");
    return 0;
}

/// A file size limit stands for a disk that fails in the middle of a write.
int limit_file_size(const std::string& path) {
    std::signal(SIGXFSZ, SIG_IGN);
    EventLog log;
    auto store = open_or_exit(path, Access::own, log);
    const rlimit small{512 * 1024, RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &small);
    int number = 0;
    Result<Applied> applied = Applied{};
    while (applied && number < 2'000) applied = commit(*store, issue(number++));
    if (applied) return 1;
    say("failed " + std::string(to_string(applied.error().code)));
    const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &none);
    say(commit(*store, issue(number)) ? "room again" : "still failing");
    say("last " + std::to_string(number - 2));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.size() < 2) return 2;
    const std::string& what = arguments[0];
    const std::string& path = arguments[1];
    if (what == "hold") return hold(path);
    if (what == "write") return write_for_ever(path, std::stoi(arguments.at(2)));
    if (what == "nobody-own") return open_as_nobody(path, Access::own);
    if (what == "own-without-room") return open_without_room(path);
    if (what == "nobody-read") return open_as_nobody(path, Access::read);
    if (what == "nobody-recover") return recover_as_nobody(path);
    if (what == "fill-disk") return fill_disk(path);
    if (what == "recover") return recover_from_full_disk(path);
    if (what == "limit-file-size") return limit_file_size(path);
    return 2;
}
