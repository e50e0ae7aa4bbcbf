// What the client shows of itself, to whom, and what an operator reads when that does not work.
#include "http/client.hpp"
#include "pump.hpp"
#include "scripted_server.hpp"
#include "support/catch.hpp"

namespace mesh {
namespace {

using test::exchange;
using test::Peer;
using test::ScriptedServer;
using test::TemporaryFile;
using test::TestAuthority;

const std::string own_names = "DNS:localhost,IP:127.0.0.1";

/// Certificate and key of a client in files.
struct Files {
    explicit Files(const TestAuthority::Identity& identity)
        : cert(test::certificate_pem(identity)), key(test::key_pem(identity)) {}
    [[nodiscard]] http::ClientCertificate paths() const { return {cert.path(), key.path()}; }
    TemporaryFile cert;
    TemporaryFile key;
};

bool greet(Peer& peer, const Peer::Request&) {
    return peer.answer("hello " + peer.client() + (peer.resumed() ? " again" : ""));
}

bool greet_and_close(Peer& peer, const Peer::Request& request) {
    greet(peer, request);
    return false;
}

struct Place {
    TestAuthority authority{"Test CA"};
    TemporaryFile ca{authority.pem()};
    std::unique_ptr<http::Client> client = http::make_curl_client("mesh/test");

    [[nodiscard]] TestAuthority::Identity issue(const std::string& name) const {
        return authority.issue(name, own_names);
    }
    [[nodiscard]] Result<http::Response> ask(const ScriptedServer& server,
                                             const http::ClientCertificate& shown) const {
        http::Request request;
        request.url = server.url("/", "localhost");
        request.trust = {false, {ca.path()}};
        request.client_certificate = shown;
        return exchange(*client, request);
    }
    [[nodiscard]] std::string greeting(const ScriptedServer& server,
                                       const http::ClientCertificate& shown) const {
        const auto answer = ask(server, shown);
        return answer ? answer->body : answer.error().message;
    }
};

TEST_CASE("client certificate: shown to a server that asks for one") {
    const Place place;
    ScriptedServer server(greet, place.issue("server"), place.ca.path(), true);
    const Files mesh(place.issue("mesh"));
    CHECK(place.greeting(server, mesh.paths()) == "hello mesh");
}

TEST_CASE("client certificate: a server that wants one says so, and which it does not take") {
    const Place place;
    ScriptedServer server(greet, place.issue("server"), place.ca.path(), true);

    const auto without = place.ask(server, {});
    REQUIRE(without.has_error());
    CHECK(without.error().code == Errc::tls);
    CHECK(without.error().origin == Origin::upstream);
    CHECK_THAT(without.error().message,
               ContainsSubstring("refused a client without a certificate: "));

    const Files stranger(TestAuthority("Other CA").issue("stranger", own_names));
    const auto refused = place.ask(server, stranger.paths());
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == Errc::tls);
    CHECK_THAT(refused.error().message,
               ContainsSubstring("refused the client certificate " + stranger.cert.path()));
}

TEST_CASE("client certificate: connections belong to the certificate they were made with") {
    const Place place;
    ScriptedServer server(greet, place.issue("server"), place.ca.path(), false);
    const Files first(place.issue("first"));
    const Files second(place.issue("second"));
    CHECK(place.greeting(server, {}) == "hello ");
    CHECK(place.greeting(server, first.paths()) == "hello first");
    CHECK(place.greeting(server, second.paths()) == "hello second");
    CHECK(place.greeting(server, first.paths()) == "hello first");
    CHECK(place.greeting(server, {}) == "hello ");
    CHECK(server.connections() == 3);
}

TEST_CASE("client certificate: TLS sessions are not carried from one to another") {
    const Place place;
    ScriptedServer server(greet_and_close, place.issue("server"), place.ca.path(), false);
    const Files first(place.issue("first"));
    const Files second(place.issue("second"));
    for (int round = 0; round < 2; ++round) {
        CHECK(place.greeting(server, first.paths()) == "hello first");
        CHECK(place.greeting(server, second.paths()) == "hello second");
        CHECK_THAT(place.greeting(server, {}), ContainsSubstring("hello "));
        CHECK(place.greeting(server, first.paths()) == "hello first");
    }
}

TEST_CASE("client certificate: one that was replaced is shown from then on") {
    const Place place;
    ScriptedServer server(greet, place.issue("server"), place.ca.path(), true);
    const Files files(place.issue("old"));
    CHECK(place.greeting(server, files.paths()) == "hello old");
    const auto renewed = place.issue("new");
    files.cert.replace(test::certificate_pem(renewed));
    files.key.replace(test::key_pem(renewed));
    CHECK(place.greeting(server, files.paths()) == "hello new");
}

TEST_CASE("client certificate: files that do not work are named, their content is not") {
    const Place place;
    ScriptedServer server(greet, place.issue("server"), place.ca.path(), true);
    const Files mesh(place.issue("mesh"));
    const TemporaryFile locked(test::key_pem(place.issue("locked"), "secret"));
    const Files other(place.issue("other"));
    const TemporaryFile empty("");
    const TemporaryFile broken(
        "-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----\n");
    const std::string cert = mesh.cert.path();
    const std::string key = mesh.key.path();
    struct Case {
        http::ClientCertificate shown;
        std::string message;
    };
    const Case cases[] = {
        {{cert, ""}, "cannot use the client certificate " + cert + ": no file with its key"},
        {{"", key}, "cannot use the key of the client certificate " + key + ": no file with"},
        {{"/nowhere/cert.pem", key},
         "cannot use the client certificate /nowhere/cert.pem: No such file or directory"},
        {{cert, "/nowhere/key.pem"},
         "cannot use the key of the client certificate /nowhere/key.pem: No such file or"},
        {{empty.path(), key},
         "cannot use the client certificate " + empty.path() + ": no PEM certificate in it"},
        {{cert, empty.path()}, empty.path() + ": no PEM private key in it"},
        {{cert, locked.path()}, locked.path() + ": it needs a pass phrase"},
        {{cert, other.key.path()},
         "cannot use the client certificate " + cert + " with key " + other.key.path() + ": "},
        {{cert, broken.path()},
         "cannot use the client certificate " + cert + " with key " + broken.path() + ": "},
    };
    for (const Case& c : cases) {
        CAPTURE(c.message);
        const auto answer = place.ask(server, c.shown);
        REQUIRE(answer.has_error());
        CHECK(answer.error().code == Errc::invalid);
        CHECK(answer.error().origin == Origin::config);
        CHECK_THAT(answer.error().message, ContainsSubstring(c.message));
        CHECK(answer.error().message.find("BEGIN") == std::string::npos);
    }
    CHECK(server.requests() == 0);
}

}  // namespace
}  // namespace mesh
