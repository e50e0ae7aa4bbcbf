// The two sides of an upgrade, each against the other as these tests play it.
#include "app/process.hpp"
#include "app/upgrade_offer.hpp"
#include "app/upgrade_takeover.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <new>
#include <stdexcept>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace mesh;
using namespace mesh::app;
using namespace std::chrono_literals;

namespace {

using Kind = ipc::UpgradeMessage::Kind;
using ipc::UpgradeChannel;
using std::chrono::steady_clock;

steady_clock::time_point in_time() {
    return steady_clock::now() + 30s;
}

ipc::UpgradeMessage word(Kind kind) {
    ipc::UpgradeMessage message;
    message.kind = kind;
    return message;
}

/// What one process leaves for another to see.
class Marks {
 public:
    explicit Marks(std::filesystem::path folder) : folder_(std::move(folder)) {}
    void set(const std::string& name) const { std::ofstream(folder_ / name) << name; }
    [[nodiscard]] bool await(const std::string& name) const {
        const auto end = in_time();
        while (!std::filesystem::exists(folder_ / name)) {
            if (steady_clock::now() > end) return false;
            std::this_thread::sleep_for(5ms);
        }
        return true;
    }

 private:
    std::filesystem::path folder_;
};

class MarksFolder {
 public:
    MarksFolder() {
        std::string name = std::filesystem::temp_directory_path() / "mesh-upgrade-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    MarksFolder(const MarksFolder&) = delete;
    MarksFolder& operator=(const MarksFolder&) = delete;
    ~MarksFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
    std::filesystem::path path_;
};

/// This process, which is to be replaced by another run of this program.
struct Replaced {
    MarksFolder folder;
    Marks marks{folder.path()};
    std::promise<UpgradeOutcome> ended;
    std::future<UpgradeOutcome> outcome = ended.get_future();
    std::atomic<int> taken_back{0};
    std::atomic<int> told{0};

    [[nodiscard]] ipc::Successor::Start program(const std::string& mode) const {
        ipc::Successor::Start start;
        start.program = std::filesystem::read_symlink("/proc/self/exe").string();
        start.arguments = {start.program, "[.successor]"};
        start.environment = own_environment();
        start.environment.push_back("MESH_UPGRADE_FD=" +
                                    std::to_string(ipc::Successor::passed_descriptor));
        start.environment.push_back("MESH_SUCCESSOR=" + mode);
        start.environment.push_back("MESH_SUCCESSOR_MARKS=" + folder.path().string());
        return start;
    }

    [[nodiscard]] UpgradeOffer::Surroundings surroundings() {
        UpgradeOffer::Surroundings around;
        around.version = "1.2.3";
        around.expect_copies = [] { return Status(); };
        around.sockets = [] { return std::vector<proxy::InheritedSocket>(); };
        around.give_up_store = [] { return Status(); };
        around.take_store_back = [this] { ++taken_back; };
        around.ended = [this](const UpgradeOutcome& found) {
            ++told;
            ended.set_value(found);
        };
        return around;
    }

    [[nodiscard]] UpgradeOutcome wait() {
        REQUIRE(outcome.wait_until(in_time()) == std::future_status::ready);
        return outcome.get();
    }
};

/// How a process that is to replace another comes to its end.
struct Ended {
    std::promise<std::string> how;
    std::future<std::string> known = how.get_future();
    std::atomic<int> served{0};

    [[nodiscard]] UpgradeTakeover::Steps steps() {
        return {[this] {
                    ++served;
                    return Status();
                },
                [this] { how.set_value("alone"); },
                [this](const Error& why) { how.set_value(why.message); }};
    }
    [[nodiscard]] std::string wait() {
        REQUIRE(known.wait_until(in_time()) == std::future_status::ready);
        return known.get();
    }
};

/// Says what a running mesh says first. On nothing of the test's own: also in a child.
bool say_offer(const UpgradeChannel& channel, std::chrono::milliseconds ready_within) {
    ipc::UpgradeMessage offer = word(Kind::offer);
    offer.version = "1.2.3";
    offer.ready_within = ready_within;
    ipc::UpgradeMessage sockets = word(Kind::sockets);
    sockets.last = true;
    return channel.send(offer, {}, in_time()).has_value() &&
           channel.send(sockets, {}, in_time()).has_value();
}

bool hear(const UpgradeChannel& channel, Kind kind) {
    const auto received = channel.receive(in_time());
    return received && received->message.kind == kind;
}

/// `end` is what the new process would find.
std::unique_ptr<UpgradeTakeover> begin_over(int end) {
    ::setenv("MESH_UPGRADE_FD", std::to_string(end).c_str(), 1);  // NOLINT: one thread
    auto begun = UpgradeTakeover::begin();
    REQUIRE(begun.has_value());
    REQUIRE(*begun != nullptr);
    return std::move(*begun);
}

}  // namespace

TEST_CASE("upgrade: the new process of the tests below", "[.successor]") {
    const char* const mode = std::getenv("MESH_SUCCESSOR");  // NOLINT: one thread
    if (mode == nullptr) return;
    const std::string how = mode;
    const Marks marks(std::getenv("MESH_SUCCESSOR_MARKS"));  // NOLINT: one thread
    std::promise<void> over;                                 // outlives the thread that keeps it
    auto takeover = UpgradeTakeover::begin();
    REQUIRE(takeover.has_value());
    (*takeover)->obtain_store();
    if (how == "silent") {
        marks.set("silent");
        (void)marks.await("never");
        return;
    }
    (*takeover)->ready({[&] {
                            marks.set("told");
                            if (how == "dies") ::_exit(1);
                            (void)marks.await("go");
                            marks.set("served");
                            return Status();
                        },
                        [&] { over.set_value(); },
                        [&](const Error&) { over.set_value(); }});
    over.get_future().wait();
}

TEST_CASE("upgrade offer: a process that was told to serve is not ended for being slow",
          "[upgrade]") {
    Replaced replaced;
    UpgradeOffer offer(replaced.program("slow"), 30s, replaced.surroundings());
    REQUIRE(replaced.marks.await("told"));
    offer.abandon();
    replaced.marks.set("go");
    const UpgradeOutcome outcome = replaced.wait();
    CHECK(outcome.serving);
    CHECK(outcome.summary == "pid " + std::to_string(outcome.pid) + " serves");
    CHECK(replaced.taken_back == 0);
}

TEST_CASE("upgrade offer: a process that was told to serve and is left goes on", "[upgrade]") {
    Replaced replaced;
    {
        const UpgradeOffer offer(replaced.program("slow"), 30s, replaced.surroundings());
        REQUIRE(replaced.marks.await("told"));
    }
    CHECK_FALSE(replaced.wait().serving);
    CHECK(replaced.taken_back == 0);
    replaced.marks.set("go");
    CHECK(replaced.marks.await("served"));
}

TEST_CASE("upgrade offer: the death of a process that was told to serve is a failure",
          "[upgrade]") {
    Replaced replaced;
    auto around = replaced.surroundings();
    // There is no thread for it at first.
    around.take_store_back = [&] {
        if (++replaced.taken_back == 1) throw std::runtime_error("no thread");
    };
    const UpgradeOffer offer(replaced.program("dies"), 30s, std::move(around));
    const UpgradeOutcome outcome = replaced.wait();
    CHECK_FALSE(outcome.serving);
    CHECK(outcome.summary.find("ended before it served") != std::string::npos);
    CHECK(replaced.taken_back == 2);
}

TEST_CASE("upgrade offer: abandoned before the new process is ready, it is ended", "[upgrade]") {
    Replaced replaced;
    UpgradeOffer offer(replaced.program("silent"), 30s, replaced.surroundings());
    REQUIRE(replaced.marks.await("silent"));
    offer.abandon();
    const UpgradeOutcome outcome = replaced.wait();
    CHECK_FALSE(outcome.serving);
    CHECK(outcome.summary == "mesh is stopping");
    CHECK(replaced.taken_back == 1);
}

TEST_CASE("upgrade offer: what is thrown on its thread is a failed upgrade", "[upgrade]") {
    Replaced replaced;
    auto around = replaced.surroundings();
    using Sockets = Result<std::vector<proxy::InheritedSocket>>;
    around.sockets = []() -> Sockets { throw std::bad_alloc(); };
    // Nor is there memory to tell of it at first.
    around.ended = [&](const UpgradeOutcome& outcome) {
        if (++replaced.told == 1) throw std::bad_alloc();
        replaced.ended.set_value(outcome);
    };
    const UpgradeOffer offer(replaced.program("silent"), 30s, std::move(around));
    const UpgradeOutcome outcome = replaced.wait();
    CHECK_FALSE(outcome.serving);
    CHECK(outcome.summary == std::bad_alloc().what());
    CHECK(replaced.told == 2);
}

TEST_CASE("takeover: a running mesh that says no more and lives is not replaced", "[upgrade]") {
    auto ends = UpgradeChannel::make();
    REQUIRE(ends.has_value());
    const int end = ::dup(ends->second.fd());
    REQUIRE(say_offer(ends->first, 30s));
    Ended ended;  // outlives the thread that tells it
    const auto takeover = begin_over(end);
    takeover->ready(ended.steps());
    REQUIRE(hear(ends->first, Kind::ready));
    {
        const UpgradeChannel closed = std::move(ends->first);
        const UpgradeChannel copy = std::move(ends->second);
    }
    CHECK(ended.wait().find("wants this process no more") != std::string::npos);
    CHECK(ended.served == 0);
}

TEST_CASE("takeover: when the running mesh has died, this one serves untold", "[upgrade]") {
    const auto between = UpgradeChannel::make();
    REQUIRE(between.has_value());
    const pid_t running = ::fork();
    REQUIRE(running >= 0);
    if (running == 0) {
        {
            const auto ends = UpgradeChannel::make();
            if (!ends || !say_offer(ends->first, 30s)) ::_exit(1);
            ipc::UpgradeMessage passing = word(Kind::sockets);
            passing.sockets = {{"end", false}};
            const std::vector<int> descriptors{ends->second.fd()};
            if (!between->second.send(passing, descriptors, in_time())) ::_exit(2);
            if (!hear(ends->first, Kind::ready)) ::_exit(3);
        }
        ::_exit(0);
    }
    auto passed = between->first.receive(in_time());
    REQUIRE(passed.has_value());
    REQUIRE(passed->descriptors.size() == 1);
    Ended ended;
    const auto takeover = begin_over(passed->descriptors.front().release());
    takeover->ready(ended.steps());
    CHECK(ended.wait() == "alone");
    CHECK(ended.served == 1);
    int status = 0;
    CHECK(::waitpid(running, &status, 0) == running);
    CHECK(status == 0);
}

TEST_CASE("takeover: it does not say that it serves when it does not", "[upgrade]") {
    const auto ends = UpgradeChannel::make();
    REQUIRE(ends.has_value());
    REQUIRE(say_offer(ends->first, 30s));
    Ended ended;
    const auto takeover = begin_over(::dup(ends->second.fd()));
    auto steps = ended.steps();
    steps.serve = [] { return Status(Error{Errc::cancelled, Origin::internal, "stopping"}); };
    takeover->ready(std::move(steps));
    REQUIRE(hear(ends->first, Kind::ready));
    REQUIRE(ends->first.send(word(Kind::commit), {}, in_time()).has_value());
    CHECK(ended.wait() == "stopping");
    CHECK(ends->first.receive(steady_clock::now() + 20ms).error().code == Errc::timeout);
}

TEST_CASE("takeover: patience follows the time that is left", "[upgrade]") {
    CHECK(affordable(30s, 45s) == 30s);
    CHECK(affordable(30s, 7s) == 6s);
    CHECK(affordable(30s, 0s) == 0s);

    const auto ends = UpgradeChannel::make();
    REQUIRE(ends.has_value());
    REQUIRE(say_offer(ends->first, 15s));
    const auto takeover = begin_over(::dup(ends->second.fd()));
    CHECK(takeover->time_left() > 0s);
    CHECK(takeover->time_left() <= 15s);
}

TEST_CASE("upgrade: an init of a container ends with its child, that of a system does not",
          "[upgrade]") {
    for (const char* const name : {"docker-init", "tini", "dumb-init", "catatonit", "sh"})
        CHECK(follows_one_child(name));
    for (const char* const name : {"systemd", "init"}) CHECK_FALSE(follows_one_child(name));
}
