// Whose certificates are believed, and what an operator reads when one is not.
#include "http/client.hpp"
#include "pump.hpp"
#include "scripted_server.hpp"
#include "support/catch.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace mesh {
namespace {

using test::exchange;
using test::Peer;
using test::ScriptedServer;
using test::TemporaryFile;
using test::TestAuthority;

bool answer_ok(Peer& peer, const Peer::Request&) {
    return peer.answer("ok");
}

http::Request to(const ScriptedServer& server, const std::string& host = "localhost") {
    http::Request request;
    request.url = server.url("/dir", host);
    request.trust.system_pool = false;
    return request;
}

const std::string local_names = "DNS:localhost,IP:127.0.0.1";

TEST_CASE("trust: a certificate of the given CA for this host is accepted") {
    const TestAuthority authority("Test CA");
    const TemporaryFile ca(authority.pem());
    ScriptedServer server(answer_ok, authority.issue("server", local_names));
    const auto client = http::make_curl_client("mesh/test");
    http::Request request = to(server);
    request.trust.ca_files = {ca.path()};
    CHECK(exchange(*client, request).has_value());

    SECTION("also in addition to the system's pool") {
        const TestAuthority other("Other CA");
        const TemporaryFile pool(other.pem());
        setenv("SSL_CERT_FILE", pool.path().c_str(), 1);
        request.trust.system_pool = true;
        CHECK(exchange(*http::make_curl_client("mesh/test"), request).has_value());
        request.trust.ca_files.clear();
        CHECK_FALSE(exchange(*http::make_curl_client("mesh/test"), request).has_value());
        const TemporaryFile both(other.pem() + authority.pem());
        setenv("SSL_CERT_FILE", both.path().c_str(), 1);
        CHECK(exchange(*http::make_curl_client("mesh/test"), request).has_value());
        unsetenv("SSL_CERT_FILE");
    }
}

TEST_CASE("trust: an unknown CA is refused, naming host and trusted files") {
    const TestAuthority authority("Test CA");
    const TestAuthority other("Other CA");
    const TemporaryFile ca(other.pem());
    ScriptedServer server(answer_ok, authority.issue("server", local_names));
    http::Request request = to(server);
    request.trust.ca_files = {ca.path()};

    const auto answer = exchange(*http::make_curl_client("mesh/test"), request);

    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == Errc::tls);
    CHECK(answer.error().origin == Origin::upstream);
    CHECK_THAT(answer.error().message,
               ContainsSubstring("localhost:" + std::to_string(server.port())));
    CHECK_THAT(answer.error().message, ContainsSubstring("(for 'server' by 'Test CA')"));
    CHECK_THAT(answer.error().message, ContainsSubstring("unable to get local issuer certificate"));
    CHECK_THAT(answer.error().message, ContainsSubstring(ca.path()));
    CHECK(server.requests() == 0);
}

TEST_CASE("trust: a certificate for another host is refused") {
    const TestAuthority authority("Test CA");
    const TemporaryFile ca(authority.pem());
    ScriptedServer server(answer_ok, authority.issue("localhost", "DNS:other.example"));
    http::Request request = to(server);
    request.trust.ca_files = {ca.path()};

    const auto answer = exchange(*http::make_curl_client("mesh/test"), request);

    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == Errc::tls);
    CHECK_THAT(answer.error().message, ContainsSubstring("localhost"));
    CHECK_THAT(answer.error().message, ContainsSubstring("match"));
    CHECK(server.requests() == 0);
}

TEST_CASE("trust: an expired certificate is refused") {
    const TestAuthority authority("Test CA");
    const TemporaryFile ca(authority.pem());
    ScriptedServer server(answer_ok, authority.issue("server", local_names, -1));
    http::Request request = to(server);
    request.trust.ca_files = {ca.path()};

    const auto answer = exchange(*http::make_curl_client("mesh/test"), request);

    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == Errc::tls);
    CHECK_THAT(answer.error().message, ContainsSubstring("certificate has expired"));
}

TEST_CASE("trust: a connection made with more trust is not used by a request with less") {
    const TestAuthority authority("Test CA");
    const TestAuthority other("Other CA");
    const TemporaryFile ca(authority.pem());
    const TemporaryFile other_ca(other.pem());
    ScriptedServer server(answer_ok, authority.issue("server", local_names));
    const auto client = http::make_curl_client("mesh/test");
    http::Request request = to(server);
    request.trust.ca_files = {ca.path()};
    REQUIRE(exchange(*client, request).has_value());
    REQUIRE(exchange(*client, request).has_value());
    CHECK(server.connections() == 1);

    request.trust.ca_files = {other_ca.path()};
    CHECK_FALSE(exchange(*client, request).has_value());
}

TEST_CASE("trust: a new connection resumes the TLS session of an earlier one") {
    const TestAuthority authority("Test CA");
    const TemporaryFile ca(authority.pem());
    ScriptedServer server(
        [](Peer& peer, const Peer::Request&) {
            peer.answer(peer.resumed() ? "resumed" : "full", "Connection: close\r\n");
            return false;
        },
        authority.issue("server", local_names));
    const auto client = http::make_curl_client("mesh/test");
    http::Request request = to(server);
    request.trust.ca_files = {ca.path()};
    CHECK(exchange(*client, request)->body == "full");
    CHECK(exchange(*client, request)->body == "resumed");
    CHECK(server.connections() == 2);

    // Never under another trust: a resumed handshake shows no certificate.
    const TestAuthority other("Other CA");
    const TemporaryFile both(authority.pem() + other.pem());
    request.trust.ca_files = {both.path()};
    CHECK(exchange(*client, request)->body == "full");
}

TEST_CASE("trust: a CA file that is replaced counts from the next request on") {
    const TestAuthority authority("Test CA");
    const TestAuthority other("Other CA");
    const TemporaryFile ca(other.pem());
    ScriptedServer server(answer_ok, authority.issue("server", local_names));
    const auto client = http::make_curl_client("mesh/test");
    http::Request request = to(server);
    request.trust.ca_files = {ca.path()};
    CHECK_FALSE(exchange(*client, request).has_value());

    ca.replace(authority.pem() + other.pem());

    CHECK(exchange(*client, request).has_value());
}

TEST_CASE("trust: CA files that cannot be used are named") {
    const auto client = http::make_curl_client("mesh/test");
    http::Request request;
    request.url = "https://127.0.0.1:1/";
    request.trust.system_pool = false;

    SECTION("not there") {
        request.trust.ca_files = {"/nonexistent/ca.pem"};
        const auto answer = exchange(*client, request);
        REQUIRE_FALSE(answer.has_value());
        CHECK(answer.error().origin == Origin::config);
        CHECK(answer.error().message ==
              "cannot use CA file /nonexistent/ca.pem: No such file or directory");
    }
    SECTION("not PEM") {
        const TemporaryFile file("hello");
        request.trust.ca_files = {file.path()};
        const auto answer = exchange(*client, request);
        REQUIRE_FALSE(answer.has_value());
        CHECK_THAT(answer.error().message, ContainsSubstring("no PEM certificate in it"));
    }
    SECTION("a pipe nobody writes to") {
        const TemporaryFile file("");
        REQUIRE(::unlink(file.path().c_str()) == 0);
        REQUIRE(::mkfifo(file.path().c_str(), 0600) == 0);
        request.trust.ca_files = {file.path()};
        const auto answer = exchange(*client, request);
        REQUIRE_FALSE(answer.has_value());
        CHECK_THAT(answer.error().message, ContainsSubstring("Not a regular file"));
    }
    SECTION("too large") {
        const TemporaryFile file(std::string(5 << 20, 'x'));
        request.trust.ca_files = {file.path()};
        const auto answer = exchange(*client, request);
        REQUIRE_FALSE(answer.has_value());
        CHECK_THAT(answer.error().message, ContainsSubstring("larger than 4 MiB"));
    }
    SECTION("nothing at all") {
        const auto answer = exchange(*client, request);
        REQUIRE_FALSE(answer.has_value());
        CHECK_THAT(answer.error().message, ContainsSubstring("nothing to trust"));
    }
}

}  // namespace
}  // namespace mesh
