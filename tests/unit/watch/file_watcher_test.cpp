#include "watch/file_watcher.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
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
        settle(watched);
    }
    /// The watcher has taken its orders when it has seen a change made after them; a file of its
    /// own shows that.
    void settle(Watched watched) {
        const std::string probe = extra_ / "probe";
        write(probe, "1");
        watched.files.push_back(probe);
        watcher.watch(watched);
        // Which of the two writes it notices does not matter.
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        for (int i = 2; count == 0 && std::chrono::steady_clock::now() < deadline; ++i) {
            write(probe, std::string(static_cast<std::size_t>(i), 'x'));
            std::this_thread::sleep_for(milliseconds(10));
        }
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
    Folder extra_;
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
    for (int i = 0; i < 5; ++i) write(file, std::string(static_cast<std::size_t>(i) + 5, 'x'));
    CHECK(told.tells());
    CHECK(told.count - before <= 2);
}

TEST_CASE("watch: where the kernel tells nothing, files are looked at", "[watch]") {
    // A folder that is no folder cannot be listened to, and is looked at all the same.
    Folder folder;
    const std::string file = folder / "a.yaml";
    write(file, "one");
    const NamesByFolder places = places_of({{file}, {}});
    REQUIRE(places.size() == 1);
    CHECK(places.begin()->second == std::set<std::string>{"a.yaml"});
    CHECK(entries_below(folder / "") == std::vector<std::string>{file});
}
