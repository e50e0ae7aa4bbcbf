#include "ipc/server.hpp"

#include "ipc/client.hpp"
#include "ipc/unix_path.hpp"
#include "support/catch.hpp"
#include "unit/ipc/folder.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <poll.h>
#include <sys/socket.h>
#include <vector>

using namespace mesh;
using namespace mesh::ipc;
using namespace mesh::ipc::test;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 30s;

/// A server that says what it heard, "again: " in front; told "later" it keeps the reply.
class Echo {
 public:
    explicit Echo(ServerSettings settings = {})
        : server_(
              *BoundSocket::bind(folder_.file("mesh.sock"), 16),
              std::move(settings),
              [this](const std::string& request, const Reply& reply) {
                  if (request == "later") {
                      const std::lock_guard lock(mutex_);
                      kept_.push_back(reply);
                  } else {
                      reply("again: " + request);
                  }
              },
              clock_,
              log_) {}

    [[nodiscard]] const std::string& path() const { return server_.path(); }
    [[nodiscard]] Client client() const {
        auto connected = Client::connect(path());
        REQUIRE(connected.has_value());
        return std::move(*connected);
    }
    [[nodiscard]] std::vector<Reply> wait_kept(std::size_t count) {
        const auto end = std::chrono::steady_clock::now() + patience;
        for (;;) {
            {
                const std::lock_guard lock(mutex_);
                if (kept_.size() >= count) return kept_;
            }
            REQUIRE(std::chrono::steady_clock::now() < end);
            ::poll(nullptr, 0, 1);
        }
    }

 private:
    Folder folder_;
    SystemClock clock_;
    NullLog log_;
    std::mutex mutex_;
    std::vector<Reply> kept_;
    Server server_;
};

/// A connection used by hand.
class Raw {
 public:
    explicit Raw(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const auto address = UnixPath::make(path);
        REQUIRE(address.has_value());
        REQUIRE(::connect(fd_.get(), address->address(), address->size()) == 0);
    }
    void send(const std::string& text) const {
        REQUIRE(::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(text.size()));
    }
    void try_send(const std::string& text) const {
        (void)!::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    }
    void shut() const { REQUIRE(::shutdown(fd_.get(), SHUT_WR) == 0); }
    [[nodiscard]] bool is_closed() const {
        pollfd polled{fd_.get(), POLLRDHUP, 0};
        return ::poll(&polled, 1, 0) == 1;
    }
    /// Until the server has closed, without reading.
    void wait_closed() const {
        pollfd polled{fd_.get(), POLLRDHUP, 0};
        REQUIRE(::poll(&polled, 1, 30'000) == 1);
    }
    /// All that comes until the server closes.
    [[nodiscard]] std::string rest() const {
        std::string all;
        char piece[4096];
        for (;;) {
            pollfd polled{fd_.get(), POLLIN, 0};
            REQUIRE(::poll(&polled, 1, 30'000) == 1);
            const ssize_t got = ::recv(fd_.get(), piece, sizeof piece, 0);
            if (got <= 0) return all;
            all.append(piece, static_cast<std::size_t>(got));
        }
    }

 private:
    Descriptor fd_;
};

}  // namespace

TEST_CASE("control server: answers line for line on one connection") {
    const Echo echo;
    Client client = echo.client();

    CHECK(*client.ask("one", patience) == "again: one");
    CHECK(*client.ask("two", patience) == "again: two");
}

TEST_CASE("control server: requests sent ahead, and an early end of sending, are served") {
    const Echo echo;
    const Raw raw(echo.path());

    raw.send("one\ntwo\nthree\n");
    raw.shut();

    CHECK(raw.rest() == "again: one\nagain: two\nagain: three\n");
}

TEST_CASE("control server: a client who says nothing, or half a line, is let go in time") {
    ServerSettings settings;
    settings.bounds.read_timeout = 50ms;
    const Echo echo(settings);
    const Raw silent(echo.path());
    const Raw half(echo.path());
    half.try_send("{\"comm");  // on a busy machine its time may be over already

    CHECK(silent.rest().empty());
    CHECK(half.rest().empty());
}

TEST_CASE("control server: a request that is never answered ends with its time") {
    ServerSettings settings;
    settings.bounds.answer_timeout = 50ms;
    Echo echo(settings);
    const Raw raw(echo.path());
    raw.send("later\n");

    CHECK_THAT(raw.rest(), ContainsSubstring("\"timeout\""));
    // The answer that comes after all finds nobody.
    echo.wait_kept(1).front()("too late");
}

TEST_CASE("control server: who does not read its answer holds up nobody") {
    ServerSettings settings;
    settings.bounds.write_timeout = 50ms;
    const Echo echo(settings);
    const Raw deaf(echo.path());
    deaf.send(std::string(900'000, 'x') + "\n");
    Client client = echo.client();

    CHECK(*client.ask("hello", patience) == "again: hello");
    deaf.wait_closed();
    CHECK(deaf.rest().size() < 900'000);
}

TEST_CASE("control server: a request without end is refused") {
    ServerSettings settings;
    settings.bounds.request_max = 100;
    const Echo echo(settings);
    const Raw raw(echo.path());
    raw.send(std::string(5'000, 'x'));

    CHECK_THAT(raw.rest(), ContainsSubstring("\"too_long\""));
}

TEST_CASE("control server: silent clients give their place to one who speaks") {
    ServerSettings settings;
    settings.connections_max = 4;
    const Echo echo(settings);
    std::vector<std::unique_ptr<Raw>> silent;
    for (int i = 0; i < 12; ++i) silent.push_back(std::make_unique<Raw>(echo.path()));
    Client client = echo.client();

    CHECK(*client.ask("hello", patience) == "again: hello");
    // Beside the one that speaks at most three are left.
    CHECK(std::count_if(
              silent.begin(), silent.end(), [](const auto& raw) { return raw->is_closed(); }) >= 9);
}

TEST_CASE("control server: while all places are at work, the next client waits") {
    ServerSettings settings;
    settings.connections_max = 2;
    Echo echo(settings);
    const Raw first(echo.path());
    const Raw second(echo.path());
    first.send("later\n");
    second.send("later\n");
    const auto replies = echo.wait_kept(2);
    const Raw third(echo.path());
    third.send("hello\n");
    third.shut();

    replies.at(0)("done");

    CHECK(third.rest() == "again: hello\n");
}

TEST_CASE("control server: a user who may not is told so and let go") {
    ServerSettings settings;
    settings.allows = [](uid_t) { return false; };
    const Echo echo(settings);
    const Raw raw(echo.path());

    CHECK_THAT(raw.rest(), ContainsSubstring("\"permission\""));
}

TEST_CASE("control server: root and the user of the process may speak, nobody else") {
    CHECK(is_us_or_root(0));
    CHECK(is_us_or_root(::geteuid()));
    CHECK_FALSE(is_us_or_root(::geteuid() + 1));
}

TEST_CASE("control server: ends while a request is under way") {
    std::vector<Reply> replies;
    {
        Echo echo;
        const Raw raw(echo.path());
        raw.send("later\n");
        replies = echo.wait_kept(1);
    }
    replies.front()("nobody is there");
}
