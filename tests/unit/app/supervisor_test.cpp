#include "app/supervisor.hpp"

#include "base/log.hpp"
#include "support/catch.hpp"

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace mesh;
using namespace mesh::app;

namespace {

/// A service manager's end of the protocol.
class Listener {
 public:
    explicit Listener(const std::string& address) : socket_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
        name_.sun_family = AF_UNIX;
        std::memcpy(name_.sun_path, address.data(), address.size());
        if (address.starts_with('@')) name_.sun_path[0] = '\0';
        size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
        REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&name_), size_) == 0);
    }
    /// Others speak until no more can be said.
    void fill() const {
        std::size_t said = 1;
        while (said != 0) {  // each may say only so much that nobody has heard yet
            const proxy::FileDescriptor other(::socket(AF_UNIX, SOCK_DGRAM, 0));
            said = 0;
            while (::sendto(other.get(),
                            "X=1",
                            3,
                            MSG_DONTWAIT,
                            reinterpret_cast<const sockaddr*>(&name_),
                            size_) > 0)
                ++said;
        }
    }
    /// What others said.
    void empty() {
        while (receive() == "X=1") continue;
    }
    std::string receive() {
        std::array<char, 1'024> text{};
        const ssize_t size = ::recv(socket_.get(), text.data(), text.size(), MSG_DONTWAIT);
        return size < 0 ? "nothing" : std::string(text.data(), static_cast<std::size_t>(size));
    }

 private:
    proxy::FileDescriptor socket_;
    sockaddr_un name_{};
    socklen_t size_ = 0;
};

class CountingLog final : public Log {
 public:
    void write(LogLevel,
               std::string_view,
               std::string_view,
               std::initializer_list<LogField>) override {
        ++lines;
    }
    [[nodiscard]] bool enabled(LogLevel) const override { return true; }
    int lines = 0;
};

std::string socket_path() {
    return (std::filesystem::temp_directory_path() /
            ("mesh-supervisor-" + std::to_string(::getpid())))
        .string();
}

struct RemovedAtTheEnd {
    std::string path;
    explicit RemovedAtTheEnd(std::string p) : path(std::move(p)) { ::unlink(path.c_str()); }
    ~RemovedAtTheEnd() { ::unlink(path.c_str()); }
};

}  // namespace

TEST_CASE("supervisor: says what sd_notify(3) says, at a path and at an abstract name",
          "[supervisor]") {
    const RemovedAtTheEnd file(socket_path());
    const std::string name =
        GENERATE(0, 1) == 0 ? file.path : "@mesh-supervisor-test-" + std::to_string(::getpid());
    Listener listener(name);
    CountingLog log;
    Supervisor supervisor({name, std::nullopt}, log);
    supervisor.ready("serving 2 routers");
    CHECK(listener.receive() == "READY=1\nSTATUS=serving 2 routers");
    supervisor.reloading();
    const std::string reloading = listener.receive();
    CHECK(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="));
    CHECK(std::stoll(reloading.substr(reloading.rfind('=') + 1)) > 0);
    supervisor.status("still here");
    CHECK(listener.receive() == "STATUS=still here");
    supervisor.alive();
    CHECK(listener.receive() == "WATCHDOG=1");
    supervisor.stopping("draining");
    CHECK(listener.receive() == "STOPPING=1\nSTATUS=draining");
    CHECK(log.lines == 0);
}

TEST_CASE("supervisor: another process is the service, and speaks from there on",
          "[supervisor][upgrade]") {
    const std::string name = "@mesh-supervisor-test-" + std::to_string(::getpid());
    Listener listener(name);
    CountingLog log;
    Supervisor supervisor({name, std::chrono::seconds(30)}, log);
    CHECK(supervisor.environment() ==
          std::vector<std::string>{"NOTIFY_SOCKET=" + name, "WATCHDOG_USEC=30000000"});
    CHECK(supervisor.hand_over(4711));
    CHECK(listener.receive() == "MAINPID=4711");
    supervisor.alive();
    supervisor.stopping("draining");
    CHECK(listener.receive() == "nothing");
    CHECK(supervisor.environment().empty());
    CHECK(log.lines == 0);
}

TEST_CASE("supervisor: who is the service is said until there is room for it",
          "[supervisor][upgrade]") {
    const std::string name = "@mesh-supervisor-test-" + std::to_string(::getpid());
    Listener listener(name);
    CountingLog log;
    Supervisor supervisor({name, std::chrono::seconds(30)}, log);
    listener.fill();
    for (int i = 0; i < 3; ++i) CHECK_FALSE(supervisor.hand_over(4711));
    listener.empty();
    // This process is the service as long as nobody was told otherwise, but has no more to say.
    supervisor.stopping("draining");
    CHECK(listener.receive() == "nothing");
    supervisor.alive();
    CHECK(listener.receive() == "WATCHDOG=1");
    CHECK(supervisor.hand_over(4711));
    CHECK(listener.receive() == "MAINPID=4711");
    supervisor.alive();
    CHECK(supervisor.hand_over(4711));
    CHECK(listener.receive() == "nothing");
}

TEST_CASE("supervisor: nobody is told for ever who does not listen", "[supervisor][upgrade]") {
    const std::string nobody =
        GENERATE(as<std::string>{}, "", "/nowhere/notify", "vsock:2:1", "@mesh-nobody");
    CountingLog log;
    Supervisor supervisor({nobody, std::nullopt}, log);
    CHECK(supervisor.hand_over(4711));
}

TEST_CASE("supervisor: without one nothing is said, and one that is gone is told of once",
          "[supervisor]") {
    CountingLog log;
    Supervisor alone({}, log);
    alone.ready("x");
    CHECK(log.lines == 0);

    const std::string nobody =
        GENERATE(as<std::string>{}, "/nowhere/notify", "vsock:2:1", "@" + std::string(200, 'x'));
    Supervisor lost({nobody, std::nullopt}, log);
    lost.ready("x");
    lost.alive();
    lost.stopping("x");
    CHECK(log.lines == 1);
}

TEST_CASE("supervisor: what the environment says is taken out of it", "[supervisor]") {
    ::setenv("NOTIFY_SOCKET", "/run/notify", 1);
    ::setenv("WATCHDOG_USEC", "30000000", 1);
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    const SupervisorSettings settings = take_supervisor_settings();
    CHECK(settings.socket == "/run/notify");
    CHECK(settings.watchdog == std::chrono::seconds(30));
    for (const char* const variable : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
        CHECK(std::getenv(variable) == nullptr);
    CHECK(take_supervisor_settings().socket.empty());
}

TEST_CASE("supervisor: a watchdog that is another process's, or no number, is none",
          "[supervisor]") {
    const auto [microseconds, pid] =
        GENERATE(table<const char*, const char*>({{"30000000", "1"}, {"soon", ""}, {"0", ""}}));
    ::setenv("WATCHDOG_USEC", microseconds, 1);
    ::setenv("WATCHDOG_PID", pid, 1);
    CHECK_FALSE(take_supervisor_settings().watchdog);
}
