// What goes out and what comes back of an ordinary exchange.
#include "http/client.hpp"
#include "pump.hpp"
#include "scripted_server.hpp"
#include "support/catch.hpp"

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace mesh {
namespace {

using test::exchange;
using test::Peer;
using test::plain;
using test::ScriptedServer;

/// Set as long as it lives.
class EnvironmentVariable {
 public:
    EnvironmentVariable(const char* name, const std::string& value) : name_(name) {
        if (const char* before = std::getenv(name)) before_ = before;
        setenv(name, value.c_str(), 1);
    }
    ~EnvironmentVariable() {
        if (before_)
            setenv(name_, before_->c_str(), 1);
        else
            unsetenv(name_);
    }
    EnvironmentVariable(const EnvironmentVariable&) = delete;
    EnvironmentVariable& operator=(const EnvironmentVariable&) = delete;

 private:
    const char* name_;
    std::optional<std::string> before_;
};

/// FD_CLOEXEC of each of our sockets that is connected to the server at this port or path.
std::vector<bool> closed_on_execution(int port, const std::string& path) {
    std::vector<bool> found;
    for (int fd = 0; fd < 1'024; ++fd) {
        union {
            sockaddr any;
            sockaddr_in internet;
            sockaddr_un local;
        } peer{};
        socklen_t size = sizeof peer;
        if (::getpeername(fd, &peer.any, &size) != 0) continue;
        const bool is_it =
            (peer.any.sa_family == AF_INET && ntohs(peer.internet.sin_port) == port) ||
            (peer.any.sa_family == AF_UNIX && path == peer.local.sun_path);
        if (is_it) found.push_back((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    }
    return found;
}

TEST_CASE("http: a POST carries its fields and body, the answer comes back whole") {
    Peer::Request seen;
    ScriptedServer server([&](Peer& peer, const Peer::Request& request) {
        seen = request;
        return peer.answer(
            "{\"a\":1}", "Replay-Nonce: abc\r\nLink: <one>\r\nLink: <two>\r\n", "201 Created");
    });
    const auto client = http::make_curl_client("mesh/1.2 (test)");
    http::Request request = plain(server.url("/new-order"));
    request.method = http::Method::post;
    request.headers = {{"Content-Type", "application/jose+json"}, {"X-Empty", ""}};
    request.body = std::string("pay\0load", 8);

    const auto answer = exchange(*client, request);

    REQUIRE(answer.has_value());
    CHECK(answer->status == 201);
    CHECK(answer->body == "{\"a\":1}");
    CHECK(answer->header("replay-nonce") == "abc");
    CHECK(answer->all_headers("LINK") == std::vector<std::string_view>{"<one>", "<two>"});
    CHECK(answer->header("absent").empty());
    CHECK(seen.line == "POST /new-order HTTP/1.1");
    CHECK(seen.body == request.body);
    CHECK(seen.fields["content-type"] == "application/jose+json");
    CHECK(seen.fields["user-agent"] == "mesh/1.2 (test)");
    CHECK(seen.fields.count("x-empty") == 1);
    CHECK(seen.fields.count("expect") == 0);
    CHECK(seen.fields.count("accept-encoding") == 0);
}

TEST_CASE("http: HEAD brings the header without waiting for a body") {
    ScriptedServer server([&](Peer& peer, const Peer::Request& request) {
        return peer.write("HTTP/1.1 200 OK\r\nContent-Length: 999\r\nX-Line: " + request.line +
                          "\r\n\r\n");
    });
    const auto client = http::make_curl_client("mesh/test");
    http::Request request = plain(server.url("/new-nonce"));
    request.method = http::Method::head;

    const auto answer = exchange(*client, request);

    REQUIRE(answer.has_value());
    CHECK(answer->header("X-Line") == "HEAD /new-nonce HTTP/1.1");
    CHECK(answer->body.empty());
}

TEST_CASE("http: error statuses are answers, not errors") {
    ScriptedServer server([&](Peer& peer, const Peer::Request&) {
        return peer.answer("no", "Retry-After: 60\r\n", "503 Service Unavailable");
    });
    const auto client = http::make_curl_client("mesh/test");

    const auto answer = exchange(*client, plain(server.url("/")));

    REQUIRE(answer.has_value());
    CHECK(answer->status == 503);
    CHECK(answer->header("Retry-After") == "60");
}

TEST_CASE("http: a redirect is handed back and never followed") {
    ScriptedServer server([&](Peer& peer, const Peer::Request&) {
        return peer.answer("", "Location: /elsewhere\r\n", "302 Found");
    });
    const auto client = http::make_curl_client("mesh/test");

    const auto answer = exchange(*client, plain(server.url("/here")));

    REQUIRE(answer.has_value());
    CHECK(answer->status == 302);
    CHECK(answer->header("Location") == "/elsewhere");
    CHECK(server.requests() == 1);
}

TEST_CASE("http: a compressed answer is not unpacked") {
    const std::string packed("\x1f\x8b\x08\0not really gzip", 19);
    ScriptedServer server([&](Peer& peer, const Peer::Request&) {
        return peer.answer(packed, "Content-Encoding: gzip\r\n");
    });
    const auto client = http::make_curl_client("mesh/test");

    const auto answer = exchange(*client, plain(server.url("/")));

    REQUIRE(answer.has_value());
    CHECK(answer->body == packed);
}

TEST_CASE("http: interim answers and folded fields") {
    ScriptedServer server([&](Peer& peer, const Peer::Request&) {
        return peer.write(
            "HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n"
            "HTTP/1.1 200 OK\r\nX-Long: one\r\n  two\r\nContent-Length: 2\r\n\r\nok");
    });
    const auto client = http::make_curl_client("mesh/test");

    const auto answer = exchange(*client, plain(server.url("/")));

    REQUIRE(answer.has_value());
    CHECK(answer->status == 200);
    CHECK(answer->header("X-Early").empty());
    CHECK(answer->header("X-Long") == "one two");
    CHECK(answer->body == "ok");
}

TEST_CASE("http: programs that are started meanwhile get no connection of ours") {
    const std::string path = "/tmp/mesh-http-execution-" + std::to_string(getpid()) + ".sock";
    std::remove(path.c_str());
    const auto answering = [](Peer& peer, const Peer::Request&) { return peer.answer("ok"); };
    ScriptedServer server(answering);
    ScriptedServer local(answering, path);
    const auto client = http::make_curl_client("mesh/test");
    REQUIRE(exchange(*client, plain(server.url("/"))).has_value());
    http::Request request = plain("http://docker/");
    request.unix_socket = path;
    REQUIRE(exchange(*client, request).has_value());

    CHECK(closed_on_execution(server.port(), path) == std::vector<bool>{true, true});
    std::remove(path.c_str());
}

TEST_CASE("http: over a unix socket, with the path named when nobody is there") {
    const std::string path = "/tmp/mesh_http_test." + std::to_string(getpid()) + ".sock";
    std::remove(path.c_str());
    const auto client = http::make_curl_client("mesh/test");
    http::Request request;
    request.url = "http://docker/v1.41/info";
    request.unix_socket = path;

    const auto refused = exchange(*client, request);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Errc::io);
    CHECK_THAT(refused.error().message, ContainsSubstring(path));

    {
        ScriptedServer server(
            [&](Peer& peer, const Peer::Request& seen) { return peer.answer(seen.line); }, path);
        const auto answer = exchange(*client, request);
        REQUIRE(answer.has_value());
        CHECK(answer->body == "GET /v1.41/info HTTP/1.1");
    }
    std::remove(path.c_str());
}

TEST_CASE("http: a path is asked for as it is written") {
    ScriptedServer server(
        [](Peer& peer, const Peer::Request& seen) { return peer.answer(seen.line); });
    const auto client = http::make_curl_client("mesh/test");

    const auto answer = exchange(*client, plain(server.url("/v1/health/service/..?dc=a/./b")));

    REQUIRE(answer.has_value());
    CHECK(answer->body == "GET /v1/health/service/..?dc=a/./b HTTP/1.1");
}

TEST_CASE("http: a direct request goes by no proxy, whatever the environment says") {
    const auto hello = [](Peer& peer, const Peer::Request& seen) { return peer.answer(seen.line); };
    ScriptedServer proxy(hello);
    ScriptedServer daemon(hello);
    const EnvironmentVariable by_proxy("http_proxy", proxy.url(""));
    const EnvironmentVariable by_all("all_proxy", proxy.url(""));
    const EnvironmentVariable except("no_proxy", "elsewhere.example");
    const auto client = http::make_curl_client("mesh/test");
    http::Request request = plain(daemon.url("/v1/status/leader"));

    SECTION("direct") {
        request.direct = true;
        const auto answer = exchange(*client, request);
        REQUIRE(answer.has_value());
        CHECK(answer->body == "GET /v1/status/leader HTTP/1.1");
        CHECK(daemon.requests() == 1);
        CHECK(proxy.connections() == 0);
    }
    SECTION("any other") {
        const auto answer = exchange(*client, request);
        REQUIRE(answer.has_value());
        CHECK(daemon.connections() == 0);
        CHECK(proxy.requests() == 1);
    }
}

TEST_CASE("http: a body sink gets the bytes as they arrive") {
    ScriptedServer server([&](Peer& peer, const Peer::Request&) {
        peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (int i = 0; i < 3; ++i) peer.write("5\r\nevent\r\n");
        return peer.write("0\r\n\r\n");
    });
    const auto client = http::make_curl_client("mesh/test");
    std::string received;
    http::Request request = plain(server.url("/events"));
    request.timeout = std::chrono::milliseconds{0};
    request.body_size_max = 4;  // bounds what is collected, not what streams by
    request.body_sink = [&](std::string_view bytes) {
        received += bytes;
        return true;
    };

    const auto answer = exchange(*client, request);

    REQUIRE(answer.has_value());
    CHECK(answer->status == 200);
    CHECK(answer->body.empty());
    CHECK(received == "eventeventevent");
}

TEST_CASE("http: a body sink that has enough ends the exchange") {
    ScriptedServer server([&](Peer& peer, const Peer::Request&) {
        peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nevent\r\n");
        peer.wait_for_close();
        return false;
    });
    const auto client = http::make_curl_client("mesh/test");
    http::Request request = plain(server.url("/events"));
    request.timeout = std::chrono::milliseconds{0};
    request.body_sink = [](std::string_view) { return false; };

    const auto answer = exchange(*client, request);

    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == Errc::cancelled);
}

TEST_CASE("http: requests that must not be sent are refused with the reason") {
    const auto client = http::make_curl_client("mesh/test");
    http::Request request;
    request.url = "https://127.0.0.1:1/";

    SECTION("plain http where only https is allowed") {
        request.url = "http://ca.example/dir";
        const auto answer = exchange(*client, request);
        REQUIRE_FALSE(answer.has_value());
        CHECK(answer.error().code == Errc::invalid);
        CHECK(answer.error().message == "ca.example:80: 'http' URL refused, only https is allowed");
    }
    SECTION("other schemes even where http is allowed") {
        request.url = "file:///etc/passwd";
        request.https_only = false;
        const auto answer = exchange(*client, request);
        REQUIRE_FALSE(answer.has_value());
        CHECK(answer.error().code == Errc::invalid);
    }
    SECTION("not a URL") {
        request.url = "https://[::1";
        const auto answer = exchange(*client, request);
        REQUIRE_FALSE(answer.has_value());
        CHECK(answer.error().code == Errc::invalid);
    }
    SECTION("a field that would smuggle another one in") {
        request.headers = {{"X-Token", "a\r\nHost: evil"}};
        const auto answer = exchange(*client, request);
        REQUIRE_FALSE(answer.has_value());
        CHECK(answer.error().code == Errc::invalid);
        CHECK(answer.error().message == "line break in header field X-Token");
    }
    SECTION("no bound on the time of a collected body") {
        request.timeout = std::chrono::milliseconds{0};
        const auto answer = exchange(*client, request);
        REQUIRE_FALSE(answer.has_value());
        CHECK(answer.error().code == Errc::invalid);
    }
}

}  // namespace
}  // namespace mesh
