// TLS-ALPN-01 on the listener (RFC 8737): who is answered, who is not, and how it ends.
#include "support/catch.hpp"
#include "support/plane.hpp"
#include "support/tls_peer.hpp"

#include <future>

using namespace mesh;
using namespace mesh::test;

namespace {

constexpr int no_application_protocol = 120;

TlsOptions validator(const std::string& name) {
    TlsOptions options(name);
    options.alpn = {"acme-tls/1"};
    return options;
}

struct Answer {
    bool established = false;
    std::string name;
    std::string alpn;
    int alert = -1;
    bool closed = false;
};

Answer ask(const Plane& plane, const TlsOptions& options) {
    TlsPeer client(plane.connect(), options);
    Answer answer;
    answer.established = client.handshake();
    answer.alert = client.alert();
    if (!answer.established) return answer;
    answer.name = client.certificate_name();
    answer.alpn = client.alpn();
    answer.closed = client.receive_all().empty() && client.saw_close_notify();
    return answer;
}

}  // namespace

TEST_CASE("challenge: answered whatever the routers say of the name", "[challenge]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.workers = 2;
    tls::test::World world;
    SECTION("no router at all") {}
    SECTION("passthrough") {
        builder.router("r", "HostSNI(`shop.example`)", {backend.port()}, passthrough());
    }
    SECTION("client certificates required") {
        builder.router("r", "HostSNI(`shop.example`)", {backend.port()}, with_options("mutual"));
        builder.options("mutual").client_auth.type =
            model::ClientAuthType::require_and_verify_client_cert;
        builder.client_ca_pem["mutual"] = world.root.certificate_pem();
    }
    SECTION("TLS 1.3 only") {
        builder.router("r", "HostSNI(`shop.example`)", {backend.port()}, with_options("new"));
        builder.options("new").min_version = model::TlsVersion::tls13;
    }
    Plane plane(std::move(builder));
    plane.put_challenge("shop.example", "token.thumbprint");

    std::vector<std::future<Answer>> validators;
    for (int i = 0; i < 8; ++i) {
        validators.push_back(std::async(std::launch::async, [&plane, i] {
            TlsOptions options = validator("shop.example");
            options.max_version = i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
            return ask(plane, options);
        }));
    }
    for (auto& one : validators) {
        const Answer answer = one.get();
        CHECK(answer.established);
        CHECK(answer.name == "shop.example");
        CHECK(answer.alpn == "acme-tls/1");
        CHECK(answer.closed);
    }
    CHECK(plane.plane->counters().challenges_answered == 8);
    CHECK(backend.accepted() == 0);

    // Finished: nobody sees it any more.
    plane.plane->remove_challenge(*Hostname::parse("shop.example"));
    plane.settle();
    CHECK(ask(plane, validator("shop.example")).name.empty());
}

TEST_CASE("challenge: only for the name, and only as the sole protocol", "[challenge]") {
    Backend backend(Backend::echo);
    Plane plane(PlaneBuilder().router("r", "HostSNI(`*.example`)", {backend.port()}));
    plane.serve({"*.example"});
    plane.put_challenge("shop.example", "token.thumbprint");

    CHECK(ask(plane, validator("other.example")).alert == no_application_protocol);
    CHECK(ask(plane, validator("elsewhere.test")).alert == unrecognized_name);
    CHECK(ask(plane, validator("")).alert == unrecognized_name);

    TlsOptions two = validator("shop.example");
    two.alpn.emplace_back("h2");
    TlsPeer client(plane.connect(), two);
    REQUIRE(client.handshake());
    CHECK(client.certificate_name() == "*.example");
    CHECK(client.alpn().empty());
    client.send("x");
    CHECK(client.receive(1) == "x");
}

TEST_CASE("challenge: without one, passthrough sends acme-tls/1 to the backend", "[challenge]") {
    Backend backend(Backend::greeter("backend's own ACME client"));
    Plane plane(
        PlaneBuilder().router("r", "HostSNI(`shop.example`)", {backend.port()}, passthrough()));

    TlsPeer client(plane.connect(), validator("shop.example"));
    CHECK_FALSE(client.handshake());
    CHECK(eventually([&] { return backend.accepted() == 1; }));
}

TEST_CASE("challenge: a validator that stops half-way is dropped after its own deadline",
          "[challenge]") {
    PlaneBuilder builder;
    builder.limits.handshake_timeout = std::chrono::seconds(60);
    builder.limits.challenge_timeout = std::chrono::milliseconds(300);
    Plane plane(std::move(builder));
    plane.put_challenge("shop.example", "token.thumbprint");

    // The hello alone: the rest of the handshake never comes.
    TlsPeer client(plane.connect(), validator("shop.example"));
    SSL_set_bio(client.native(), BIO_new(BIO_s_mem()), BIO_new_socket(client.fd(), BIO_NOCLOSE));
    CHECK_FALSE(client.handshake());
    CHECK(eventually([&] { return plane.plane->counters().accepted == 1; }));
    CHECK(eventually([&] { return plane.idle(); }));
}
