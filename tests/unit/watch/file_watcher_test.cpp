#include "watch/file_watcher.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

using namespace mesh;
using namespace mesh::watch;
using std::chrono::milliseconds;

namespace fs = std::filesystem;

namespace {

class Folder {
 public:
    Folder() {
        std::string made = (fs::temp_directory_path() / "mesh-watch-XXXXXX").string();
        REQUIRE(::mkdtemp(made.data()) != nullptr);
        path_ = made;
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string operator/(const std::string& name) const {
        return (path_ / name).string();
    }

 private:
    fs::path path_;
};

void write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
}

/// Counts what it is told.
struct Told {
    std::atomic<int> count{0};
    NullLog log;
    FileWatcher watcher;

    explicit Told(const Watched& watched)
        : watcher(
              [this] { ++count; }, log, {milliseconds(30), milliseconds(300), milliseconds(50)}) {
        watcher.watch(watched);
        // That other files are watched is told.
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (count == 0 && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(milliseconds(5));
        REQUIRE(count > 0);
        last_ = wait_quiet();
    }
    bool tells() {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (count == last_ && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(milliseconds(5));
        const bool told = count != last_;
        last_ = wait_quiet();
        return told;
    }

 private:
    int wait_quiet() {
        int before = count;
        for (;;) {
            std::this_thread::sleep_for(milliseconds(150));
            if (count == before) return before;
            before = count;
        }
    }
    int last_ = 0;
};

}  // namespace

TEST_CASE("watch: a file that is written, replaced, removed and made again", "[watch]") {
    Folder folder;
    const std::string file = folder / "a.yaml";
    write(file, "one");
    Told told({{file}, {}});
    write(file, "other");
    CHECK(told.tells());
    write(folder / ".a.yaml.swp", "as editors do it");
    fs::rename(folder / ".a.yaml.swp", file);
    CHECK(told.tells());
    fs::remove(file);
    CHECK(told.tells());
    write(file, "again");
    CHECK(told.tells());
}

TEST_CASE("watch: a file whose folder is not there yet", "[watch]") {
    Folder folder;
    const std::string file = folder / "later/below/a.yaml";
    Told told({{file}, {}});
    fs::create_directories(folder / "later/below");
    write(file, "one");
    CHECK(told.tells());
    write(file, "other");
    CHECK(told.tells());
}

TEST_CASE("watch: a config map is swapped by its link", "[watch]") {
    Folder folder;
    const auto version = [&](const std::string& name, const std::string& text) {
        fs::create_directory(folder / name);
        write(folder / (name + "/a.yaml"), text);
    };
    const auto point_to = [&](const std::string& name) {
        fs::create_symlink(name, folder / "..data_tmp");
        fs::rename(folder / "..data_tmp", folder / "..data");
    };
    version("..2026_1", "one");
    point_to("..2026_1");
    fs::create_symlink("..data/a.yaml", folder / "a.yaml");
    Told file({{folder / "a.yaml"}, {}});
    Told all({{}, {folder / ""}});
    for (const std::string name : {"..2026_2", "..2026_3"}) {
        version(name, "version " + name);
        point_to(name);
        CHECK(file.tells());
        CHECK(all.tells());
    }
    fs::remove_all(folder / "..2026_1");
}

TEST_CASE("watch: files come and go in a folder and below it", "[watch]") {
    Folder folder;
    Told told({{}, {folder / ""}});
    write(folder / "a.yaml", "one");
    CHECK(told.tells());
    fs::create_directory(folder / "sub");
    CHECK(told.tells());
    write(folder / "sub/b.yaml", "one");
    CHECK(told.tells());
    fs::remove(folder / "a.yaml");
    CHECK(told.tells());
}

TEST_CASE("watch: a file is told of once, however often it is written in a row", "[watch]") {
    Folder folder;
    const std::string file = folder / "a.yaml";
    write(file, "one");
    Told told({{file}, {}});
    const int before = told.count;
    const auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i < 5; ++i) write(file, std::string(static_cast<std::size_t>(i) + 5, 'x'));
    // Once more for each quiet time that a busy machine puts between them.
    const auto pauses = (std::chrono::steady_clock::now() - begun) / milliseconds(30);
    CHECK(told.tells());
    CHECK(told.count - before <= 2 + pauses);
}

TEST_CASE("watch: what changed before other files are watched is told", "[watch]") {
    Folder folder;
    const std::string file = folder / "a.yaml";
    write(file, "one");
    Told told({{file}, {}});
    write(file, "other");
    // At once, before the quiet time is over.
    told.watcher.watch({{file, folder / "b.yaml"}, {}});
    CHECK(told.tells());
}

TEST_CASE("watch: a file that is reached another way than through its folder", "[watch]") {
    // As a file is that is mounted on its own: what happens to it shows in a folder elsewhere.
    Folder folder;
    Folder elsewhere;
    const std::string file = folder / "a.yaml";
    write(file, "one");
    fs::create_hard_link(file, elsewhere / "b.yaml");
    Told told({{file}, {}});
    write(elsewhere / "b.yaml", "other");
    CHECK(told.tells());
}

TEST_CASE("watch: a folder further up is swapped", "[watch]") {
    Folder folder;
    for (const std::string version : {"conf", "next"}) {
        fs::create_directories(folder / (version + "/below/deep"));
        write(folder / (version + "/below/deep/a.yaml"), version);
    }
    Told told({{folder / "conf/below/deep/a.yaml"}, {}});
    fs::rename(folder / "conf", folder / "before");
    fs::rename(folder / "next", folder / "conf");
    CHECK(told.tells());
    write(folder / "conf/below/deep/a.yaml", "written in place");
    CHECK(told.tells());
}

namespace {

/// This process opens nothing more.
class NoDescriptors {
 public:
    NoDescriptors() {
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
        rlimit none = before_;
        none.rlim_cur = 0;
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    }
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
    rlimit before_{};
};

}  // namespace

TEST_CASE("watch: where the kernel tells nothing, a file is told of when its writer rests",
          "[watch]") {
    Folder folder;
    const std::string path = folder / "a.yaml";
    write(path, "one");
    std::atomic<int> count = 0;
    NullLog log;
    const auto told = [&](int times) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (count < times && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(milliseconds(5));
        return count == times;
    };
    FileWatcher watcher(
        [&] { ++count; }, log, {milliseconds(30), milliseconds(300), milliseconds(400)});
    int so_far = 0;
    {
        const NoDescriptors limit;
        watcher.watch({{path}, {}});
        REQUIRE(told(1));
        const auto begun = std::chrono::steady_clock::now();
        auto last = begun;
        bool has_rested = false;  // a busy machine may keep the writer from writing
        for (int size = 4; last < begun + milliseconds(1'300); ++size) {
            REQUIRE(::truncate(path.c_str(), size) == 0);  // without a descriptor
            std::this_thread::sleep_for(milliseconds(10));
            const auto now = std::chrono::steady_clock::now();
            has_rested = has_rested || now - last >= milliseconds(200);
            last = now;
        }
        so_far = count;
        CHECK((so_far == 1 || has_rested));
        CHECK(told(so_far + 1));
    }
    // The kernel is asked again.
    write(path, "another");
    CHECK(told(so_far + 2));
}

TEST_CASE("watch: where the kernel tells nothing, a file that never rests is told of all the same",
          "[watch]") {
    Folder folder;
    const std::string path = folder / "a.yaml";
    write(path, "one");
    std::atomic<int> count = 0;
    NullLog log;
    FileWatcher watcher(
        [&] { ++count; }, log, {milliseconds(30), milliseconds(300), milliseconds(20)});
    {
        const NoDescriptors limit;
        watcher.watch({{path}, {}});
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        for (int size = 4; count < 2 && std::chrono::steady_clock::now() < deadline; ++size) {
            REQUIRE(::truncate(path.c_str(), size) == 0);
            std::this_thread::sleep_for(milliseconds(2));
        }
    }
    CHECK(count >= 2);
}

TEST_CASE("watch: where the kernel tells nothing, files are looked at", "[watch]") {
    // A folder that is no folder cannot be listened to, and is looked at all the same.
    Folder folder;
    const std::string file = folder / "a.yaml";
    write(file, "one");
    const NamesByFolder places = places_of({{file}, {}});
    const auto holds = places.find(fs::path(file).parent_path().string());
    REQUIRE(holds != places.end());
    CHECK(holds->second == std::set<std::string>{"a.yaml"});
    CHECK(entries_below(folder / "") == std::vector<std::string>{file});
}
