#include "observe/log_writer.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace mesh::observe {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

class TempFolder {
 public:
    TempFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "mesh-log-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        path_ = pattern;
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    ~TempFolder() { std::filesystem::remove_all(path_); }
    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
    std::string path_;
};

/// Puts a descriptor in the place of standard error as long as it lives.
class StderrReplaced {
 public:
    explicit StderrReplaced(int by) : saved_(::dup(STDERR_FILENO)) { ::dup2(by, STDERR_FILENO); }
    StderrReplaced(const StderrReplaced&) = delete;
    StderrReplaced& operator=(const StderrReplaced&) = delete;
    ~StderrReplaced() {
        ::dup2(saved_, STDERR_FILENO);
        ::close(saved_);
    }

 private:
    int saved_;
};

struct Pipe {
    Pipe() {
        if (::pipe(ends.data()) != 0) throw std::runtime_error("pipe failed");
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    ~Pipe() {
        for (const int end : ends)
            if (end >= 0) ::close(end);
    }
    void close_reader() { ::close(std::exchange(ends[0], -1)); }
    void close_writer() { ::close(std::exchange(ends[1], -1)); }
    std::array<int, 2> ends{-1, -1};
};

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool within(steady_clock::duration time, const std::function<bool()>& condition) {
    const auto until = steady_clock::now() + time;
    while (!condition()) {
        if (steady_clock::now() > until) return false;
        std::this_thread::sleep_for(2ms);
    }
    return true;
}

/// Reads until `enough` says so or half a minute is over.
std::string read_until(int descriptor, const std::function<bool(const std::string&)>& enough) {
    std::string text;
    const auto until = steady_clock::now() + 30s;
    while (!enough(text) && steady_clock::now() < until) {
        pollfd asked{descriptor, POLLIN, 0};
        if (::poll(&asked, 1, 50) <= 0) continue;
        std::array<char, 65536> bytes{};
        const ssize_t got = ::read(descriptor, bytes.data(), bytes.size());
        if (got <= 0) break;
        text.append(bytes.data(), static_cast<std::size_t>(got));
    }
    return text;
}

std::unique_ptr<LogWriter> start(LogWriterSettings settings) {
    auto writer = LogWriter::start(std::move(settings));
    if (!writer) throw std::runtime_error(writer.error().message);
    return *std::move(writer);
}

bool push(LogRing& ring, std::string_view message, std::string_view padding = {}) {
    const std::array<LogField, 1> fields{LogField("padding", padding)};
    return ring.push(
        WallTime{}, LogLevel::info, "test", message, {fields.data(), padding.empty() ? 0U : 1U});
}

std::int64_t lines_in(const std::string& text) {
    return std::count(text.begin(), text.end(), '\n');
}

std::uint64_t occurrences(const std::string& text, const std::string& part) {
    std::uint64_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++found;
    return found;
}

/// The sum over all lines that say how many records were lost.
std::uint64_t records_lost(const std::string& text) {
    const std::string field = " records=";
    std::uint64_t sum = 0;
    for (std::size_t at = text.find(field); at != std::string::npos; at = text.find(field, at + 1))
        sum += std::strtoull(text.c_str() + at + field.size(), nullptr, 10);
    return sum;
}

/// Fills the ring while nobody reads, until a record is dropped.
std::uint64_t push_until_dropped(LogRing& ring) {
    const std::string padding(1'500, 'p');
    std::uint64_t pushed = 0;
    const auto until = steady_clock::now() + 30s;
    while (ring.dropped() < 100 && steady_clock::now() < until) {
        if (push(ring, "record", padding))
            ++pushed;
        else
            std::this_thread::sleep_for(1ms);  // so that the pipe is full, not the writer slow
    }
    return pushed;
}

}  // namespace

TEST_CASE("log writer: a record is in the file within 100 ms, also after a quiet time",
          "[observe][writer]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.log");
    auto writer = start({Format::common, path, false});
    LogRing& ring = writer->add_ring();
    auto quickest = steady_clock::duration::max();
    // The quickest of several, because the machine may be busy with other tests.
    for (int round = 0; round < 5 || (round < 30 && quickest >= 100ms); ++round) {
        const std::string message = "round " + std::to_string(round);
        const auto pushed = steady_clock::now();
        REQUIRE(push(ring, message));
        REQUIRE(within(30s, [&] { return text_of(path).find(message) != std::string::npos; }));
        quickest = std::min(quickest, steady_clock::now() - pushed);
        std::this_thread::sleep_for(200ms);  // the quiet time itself
    }
    CHECK(quickest < 100ms);
}

TEST_CASE("log writer: what was logged before the end is written, from every ring",
          "[observe][writer]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.log");
    {
        auto writer = start({Format::common, path, false});
        for (int r = 0; r < 3; ++r) {
            LogRing& ring = writer->add_ring();
            for (int i = 0; i < 300; ++i) REQUIRE(push(ring, "record"));
        }
    }
    CHECK(lines_in(text_of(path)) == 900);
}

TEST_CASE("log writer: many producers at once lose nothing while the output keeps up",
          "[observe][writer]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.log");
    constexpr int producers = 4;
    constexpr int records = 5'000;
    {
        auto writer = start({Format::json, path, false});
        std::vector<std::thread> threads;
        for (int p = 0; p < producers; ++p) {
            LogRing& ring = writer->add_ring();
            threads.emplace_back([&ring] {
                for (int i = 0; i < records;)
                    if (push(ring, "record"))
                        ++i;
                    else
                        std::this_thread::yield();
            });
        }
        for (std::thread& thread : threads) thread.join();
    }
    const std::string text = text_of(path);
    CHECK(occurrences(text, "\"record\"") == producers * records);
}

TEST_CASE("log writer: another output and another form, from one line to the next",
          "[observe][writer]") {
    const TempFolder folder;
    auto writer = start({Format::common, folder.file("old.log"), false});
    LogRing& ring = writer->add_ring();
    push(ring, "before");
    REQUIRE(within(30s, [&] { return lines_in(text_of(folder.file("old.log"))) == 1; }));
    auto output = LogOutput::to_file(folder.file("new.log"));
    REQUIRE(output.has_value());
    writer->use({Format::json, folder.file("new.log"), false}, *std::move(output));
    // The writer may be collecting just now; from some line on all are in the new file.
    REQUIRE(within(30s, [&] {
        push(ring, "after");
        return lines_in(text_of(folder.file("new.log"))) > 0;
    }));
    CHECK(text_of(folder.file("new.log")).starts_with('{'));
    CHECK(text_of(folder.file("old.log")).find("before") != std::string::npos);
    // It is the new file that is opened anew.
    std::filesystem::rename(folder.file("new.log"), folder.file("moved.log"));
    writer->reopen();
    CHECK(within(30s, [&] {
        push(ring, "reopened");
        return std::filesystem::exists(folder.file("new.log"));
    }));
}

TEST_CASE("log writer: a file moved away is opened anew", "[observe][writer]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.log");
    auto writer = start({Format::common, path, false});
    LogRing& ring = writer->add_ring();
    REQUIRE(push(ring, "before"));
    REQUIRE(within(30s, [&] { return text_of(path).find("before") != std::string::npos; }));

    std::filesystem::rename(path, folder.file("mesh.log.1"));
    writer->reopen();
    REQUIRE(within(30s, [&] { return std::filesystem::exists(path); }));
    REQUIRE(push(ring, "after"));
    REQUIRE(within(30s, [&] { return text_of(path).find("after") != std::string::npos; }));

    CHECK(text_of(folder.file("mesh.log.1")).find("after") == std::string::npos);
    CHECK(text_of(path).find("before") == std::string::npos);
}

TEST_CASE("log writer: when the file cannot be opened anew the old one is written on",
          "[observe][writer]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.log");
    auto writer = start({Format::common, path, false});
    LogRing& ring = writer->add_ring();
    std::filesystem::rename(path, folder.file("old"));
    std::filesystem::create_directory(path);
    writer->reopen();
    REQUIRE(push(ring, "goes on"));
    const auto old_has = [&](const char* text) {
        return [&, text] { return text_of(folder.file("old")).find(text) != std::string::npos; };
    };
    CHECK(within(30s, old_has("event=log_reopen")));
    CHECK(within(30s, old_has("goes on")));
}

TEST_CASE("log writer: a file that cannot be opened is an error that names it",
          "[observe][writer]") {
    const auto writer = LogWriter::start({Format::common, "/nonexistent/mesh.log", false});
    REQUIRE_FALSE(writer.has_value());
    CHECK(writer.error().message ==
          "cannot open log file /nonexistent/mesh.log: No such file or directory");
}

TEST_CASE("log writer: a FIFO without a reader is an error, not a hang", "[observe][writer]") {
    TempFolder folder;
    REQUIRE(::mkfifo(folder.file("fifo").c_str(), 0600) == 0);
    CHECK_FALSE(LogWriter::start({Format::common, folder.file("fifo"), false}).has_value());
}

TEST_CASE("log writer: a pipe nobody reads stops neither producers nor the end; its flags stay",
          "[observe][writer]") {
    Pipe pipe;
    StderrReplaced replaced(pipe.ends[1]);
    auto writer = start({});
    LogRing& ring = writer->add_ring(64);
    push_until_dropped(ring);
    CHECK(ring.dropped() >= 100);
    CHECK((::fcntl(pipe.ends[1], F_GETFL) & O_NONBLOCK) == 0);

    const auto begin = steady_clock::now();
    writer.reset();
    CHECK(steady_clock::now() - begin < 20s);  // a blocked one would never end
}

TEST_CASE("log writer: another output is taken although nobody reads the one before",
          "[observe][writer]") {
    const TempFolder folder;
    Pipe pipe;
    StderrReplaced replaced(pipe.ends[1]);
    auto writer = start({});
    LogRing& ring = writer->add_ring(64);
    push_until_dropped(ring);
    auto output = LogOutput::to_file(folder.file("new.log"));
    REQUIRE(output.has_value());

    writer->use({Format::common, folder.file("new.log"), false}, *std::move(output));

    const auto has = [&](const char* text) {
        return [&, text] {
            push(ring, "after");
            return text_of(folder.file("new.log")).find(text) != std::string::npos;
        };
    };
    CHECK(within(30s, has("after")));
    CHECK(within(30s, has("event=log_dropped")));
}

TEST_CASE(
    "log writer: when a blocked pipe is read again, everything kept comes and a line says "
    "how many were lost",
    "[observe][writer]") {
    Pipe pipe;
    StderrReplaced replaced(pipe.ends[1]);
    auto writer = start({});
    LogRing& ring = writer->add_ring(64);
    const std::uint64_t pushed = push_until_dropped(ring);
    const std::uint64_t dropped = ring.dropped();

    // The first may be lost while the pipe still fills, so that there may be two such lines.
    const auto complete = [&](const std::string& t) {
        return records_lost(t) == dropped && occurrences(t, "msg=\"record\"") == pushed &&
               t.back() == '\n';
    };
    const std::string text = read_until(pipe.ends[0], complete);
    CHECK(records_lost(text) == dropped);
    CHECK(occurrences(text, "msg=\"record\"") == pushed);
    // Not one of them cut or mixed.
    std::size_t begin = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos;
         begin = end + 1, end = text.find('\n', begin))
        REQUIRE(text.compare(begin, 5, "time=") == 0);
}

TEST_CASE("log writer: a reader that leaves ends nothing", "[observe][writer]") {
    Pipe pipe;
    StderrReplaced replaced(pipe.ends[1]);
    auto writer = start({});
    LogRing& ring = writer->add_ring();
    pipe.close_reader();
    for (int i = 0; i < 100; ++i) push(ring, "into the void");
    writer.reset();  // SIGPIPE would have ended this program
    SUCCEED();
}

TEST_CASE("log writer: standard error may be a socket, as under journald, that nobody reads",
          "[observe][writer]") {
    Pipe pair;
    ::close(pair.ends[0]);
    ::close(pair.ends[1]);
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.ends.data()) == 0);
    StderrReplaced replaced(pair.ends[1]);
    auto writer = start({Format::common, "", true});
    LogRing& ring = writer->add_ring(64);
    push_until_dropped(ring);
    CHECK(ring.dropped() >= 100);

    const std::string text = read_until(pair.ends[0], [](const std::string& t) {
        return t.find("event=log_dropped") != std::string::npos;
    });
    CHECK(text.compare(0, 8, "<6>time=") == 0);
    CHECK(text.find("<4>time=") != std::string::npos);
}

TEST_CASE("log writer: idle, it does not spin", "[observe][writer]") {
    TempFolder folder;
    auto writer = start({Format::common, folder.file("mesh.log"), false});
    writer->add_ring();
    const auto cpu = [] {
        rusage usage{};
        ::getrusage(RUSAGE_SELF, &usage);
        return std::chrono::seconds{usage.ru_utime.tv_sec + usage.ru_stime.tv_sec} +
               std::chrono::microseconds{usage.ru_utime.tv_usec + usage.ru_stime.tv_usec};
    };
    const auto before = cpu();
    std::this_thread::sleep_for(500ms);  // the idle time that is measured
    CHECK(cpu() - before < 100ms);
}

}  // namespace mesh::observe
