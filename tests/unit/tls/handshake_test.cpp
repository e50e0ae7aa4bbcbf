#include "authority.hpp"
#include "client.hpp"
#include "support/catch.hpp"

using namespace mesh;
using namespace mesh::tls;
using namespace mesh::tls::test;

namespace {

std::shared_ptr<const Policy> policy_of(const PolicySettings& settings = {}) {
    static SystemClock clock;
    auto policy = Policy::make(settings, make_ticket_keys(clock));
    REQUIRE(policy.has_value());
    return *policy;
}

std::unique_ptr<Session> accept(const Policy& policy,
                                const std::shared_ptr<const Credential>& credential,
                                const ExpectedHello& expected,
                                Link& link) {
    auto session = Session::accept(policy, credential, expected, link);
    REQUIRE(session.has_value());
    return std::move(*session);
}

}  // namespace

TEST_CASE("session: a client gets the certificate with its chain and both sides talk") {
    const World world;
    const auto credential = world.credential();
    const auto policy = policy_of();
    ClientOptions options;
    options.server_name = "shop.example";

    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        CAPTURE(version);
        options.min_version = options.max_version = version;
        Client client(options);
        Link link;
        const auto server = accept(*policy, credential, expected_of(options), link);

        REQUIRE(meet(client, *server, link).established());
        CHECK(server->version() == (version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3"));
        CHECK(client.tickets() == 1);
        CHECK(sk_X509_num(client.server_chain()) == 2);
        CHECK(X509_cmp(client.server_certificate().get(),
                       credential->chain().native().front().get()) == 0);

        client.write(link, "hello");
        Bytes into(100);
        std::size_t count = 0;
        REQUIRE(server->read(into, count) == Progress::done);
        CHECK(as_text(ByteView(into).first(count)) == "hello");
        CHECK(server->read(into, count) == Progress::want_read);

        REQUIRE(server->write(as_bytes("good day")) == Progress::done);
        CHECK(server->has_unsent());
        CHECK(client.read(link).empty());
        REQUIRE(server->flush() == Progress::done);
        CHECK(client.read(link) == "good day");
    }
}
