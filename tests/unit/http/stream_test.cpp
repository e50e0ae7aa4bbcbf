// Exchanges without a time limit: they end when the peer does, when they are cancelled, and never
// hang before they begin.
#include "http/client.hpp"
#include "pump.hpp"
#include "scripted_server.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <cstdio>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace mesh {
namespace {

using std::chrono::milliseconds;
using test::exchange;
using test::Peer;
using test::plain;
using test::Pump;
using test::ScriptedServer;

constexpr std::string_view stream_begins =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nevent\n\r\n";

http::Request endless(const std::string& url, std::atomic<int>& received) {
    http::Request request = plain(url);
    request.timeout = milliseconds{0};
    request.body_sink = [&received](std::string_view bytes) {
        received += static_cast<int>(std::count(bytes.begin(), bytes.end(), '\n'));
        return true;
    };
    return request;
}

TEST_CASE("stream: ends with an error when the peer goes in the middle") {
    ScriptedServer server([](Peer& peer, const Peer::Request&) {
        peer.write(stream_begins);
        return false;
    });
    std::atomic<int> received = 0;
    const auto client = http::make_curl_client("mesh/test");
    const auto answer = exchange(*client, endless(server.url("/events"), received));
    REQUIRE(answer.has_error());
    CHECK(answer.error().code == Errc::io);
    CHECK_THAT(answer.error().message, ContainsSubstring("cut its answer off"));
    CHECK(received == 1);
}

TEST_CASE("stream: over a unix socket, behind a request with a body") {
    const std::string path = "/tmp/mesh_http_stream." + std::to_string(getpid()) + ".sock";
    std::remove(path.c_str());
    const std::string body(300'000, 'b');
    std::atomic<bool> whole = false;
    auto server = std::make_unique<ScriptedServer>(
        [&](Peer& peer, const Peer::Request& request) {
            whole = request.line == "POST /v1/x HTTP/1.1" && request.body == body;
            peer.write(stream_begins);
            peer.wait_for_close();
            return false;
        },
        path);
    const auto client = http::make_curl_client("mesh/test");
    Pump pump;
    std::atomic<int> received = 0;
    http::Request request = endless("http://docker/v1/x", received);
    request.unix_socket = path;
    request.method = http::Method::post;
    request.body = body;
    std::optional<Result<http::Response>> ended;
    client->send(request, pump, [&](Result<http::Response> result) { ended.emplace(result); });
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (received == 0 && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(milliseconds{1});
    CHECK(received == 1);
    CHECK(whole);
    CHECK_FALSE(ended);

    server.reset();
    CHECK(pump.run_until([&] { return ended.has_value(); }));
    REQUIRE(ended->has_error());
    CHECK(ended->error().code == Errc::io);
    CHECK_THAT(ended->error().message, ContainsSubstring(path));
    std::remove(path.c_str());
}

TEST_CASE("stream: can be cancelled before, in and between its bytes") {
    std::atomic<int> gone = 0;
    ScriptedServer server([&](Peer& peer, const Peer::Request& request) {
        if (request.line.find("/silent") == std::string::npos) peer.write(stream_begins);
        if (request.line.find("/busy") != std::string::npos)
            while (peer.write("6\r\nevent\n\r\n")) continue;
        peer.wait_for_close();
        ++gone;
        return false;
    });
    const auto client = http::make_curl_client("mesh/test");
    Pump pump;
    int expected_gone = 0;
    for (const std::string path : {"/silent", "/quiet", "/busy"}) {
        CAPTURE(path);
        bool answered = false;
        std::atomic<int> received = 0;
        const auto asked = server.requests();
        const auto id = client->send(endless(server.url(path), received),
                                     pump,
                                     [&](Result<http::Response>) { answered = true; });
        const auto reached = [&] {
            return server.requests() > asked && (path == "/silent" || received > 0);
        };
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (!reached() && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(milliseconds{1});
        REQUIRE(reached());
        client->cancel(id);
        ++expected_gone;
        // The server sees its connection end, so nothing is received any more.
        while (gone < expected_gone && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(milliseconds{1});
        CHECK(gone == expected_gone);
        CHECK_FALSE(answered);
    }
}

/// A listener whose queue is full: the system drops what asks for a connection.
class DeafListener {
 public:
    DeafListener() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
        REQUIRE(listen(listener_, 0) == 0);
        REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
        port_ = ntohs(address.sin_port);
        for (int& filler : fillers_) {
            filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
            static_cast<void>(connect(filler, reinterpret_cast<sockaddr*>(&address), size));
        }
    }
    ~DeafListener() {
        for (const int filler : fillers_) close(filler);
        close(listener_);
    }
    DeafListener(const DeafListener&) = delete;
    DeafListener& operator=(const DeafListener&) = delete;
    [[nodiscard]] std::string url() const {
        return "http://127.0.0.1:" + std::to_string(port_) + "/events";
    }

 private:
    int listener_ = -1;
    int port_ = 0;
    int fillers_[4] = {};
};

TEST_CASE("stream: connecting has a limit of its own") {
    std::atomic<int> received = 0;
    const auto client = http::make_curl_client("mesh/test");
    const auto fails_in_time = [&](const std::string& url) {
        http::Request request = endless(url, received);
        request.connect_timeout = milliseconds{300};
        const auto begin = std::chrono::steady_clock::now();
        const auto answer = exchange(*client, request);
        // Before the limit that applies without one (10 s).
        CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{9});
        REQUIRE(answer.has_error());
        CHECK(answer.error().code == Errc::timeout);
        return answer.error().message;
    };
    const DeafListener deaf;
    CHECK_THAT(fails_in_time(deaf.url()), ContainsSubstring("no connection to 127.0.0.1:"));
    // Reads the hello and says nothing.
    ScriptedServer mute([](Peer&, const Peer::Request&) { return false; });
    CHECK_THAT(fails_in_time("https://127.0.0.1:" + std::to_string(mute.port()) + "/events"),
               ContainsSubstring("did not finish the TLS handshake within 300ms"));
}

/// Our end of the connection to `port`, found among the descriptors of this process.
int client_end(int port) {
    for (int candidate = 3; candidate < 1024; ++candidate) {
        sockaddr_in peer{};
        socklen_t size = sizeof peer;
        if (getpeername(candidate, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
            peer.sin_family == AF_INET && ntohs(peer.sin_port) == port)
            return candidate;
    }
    return -1;
}

int option_of(int socket, int level, int option) {
    int value = -1;
    socklen_t size = sizeof value;
    getsockopt(socket, level, option, &value, &size);
    return value;
}

TEST_CASE("stream: the system looks after a peer that says nothing") {
    ScriptedServer server([&](Peer& peer, const Peer::Request&) {
        peer.write(stream_begins);
        peer.wait_for_close();
        return false;
    });
    const auto client = http::make_curl_client("mesh/test");
    Pump pump;
    std::atomic<int> received = 0;
    client->send(endless(server.url("/events"), received), pump, [](Result<http::Response>) {});
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (received == 0 && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(milliseconds{1});
    const int end = client_end(server.port());
    REQUIRE(end >= 0);
    CHECK(option_of(end, SOL_SOCKET, SO_KEEPALIVE) == 1);
    const int idle = option_of(end, IPPROTO_TCP, TCP_KEEPIDLE);
    const int between = option_of(end, IPPROTO_TCP, TCP_KEEPINTVL);
    const int probes = option_of(end, IPPROTO_TCP, TCP_KEEPCNT);
    CHECK(idle + between * probes <= 60);
    CHECK(option_of(end, IPPROTO_TCP, TCP_USER_TIMEOUT) == 60'000);
}

}  // namespace
}  // namespace mesh
