#include "setup.hpp"

using namespace mesh;
using namespace mesh::tls;
using namespace mesh::tls::test;
using std::chrono::hours;
using std::chrono::minutes;

namespace {

/// A client that connected once; its later visits try to resume.
struct Visitor {
    ClientOptions options = shop_client();
    SslSessionPtr ticket;

    explicit Visitor(int version) { options.min_version = options.max_version = version; }

    /// Connects, keeps the ticket, and says whether the session was resumed.
    bool visit(const std::shared_ptr<const Policy>& policy,
               const std::shared_ptr<const Credential>& credential = the_credential()) {
        options.resume = ticket.get();
        Pair pair(policy, options, credential);
        REQUIRE(pair.connect());
        CHECK(pair.client.resumed() == pair.server->resumed());
        CHECK(pair.client.tickets() <= 1);
        keep_ticket(pair.client);
        return pair.server->resumed();
    }

 private:
    void keep_ticket(const Client& client) {
        // In TLS 1.2 a renewed ticket is part of the connection's session and announced to nobody.
        const bool renewed = SSL_version(client.native()) == TLS1_2_VERSION && client.resumed();
        SSL_SESSION* const session = renewed ? SSL_get_session(client.native()) : client.session();
        if (!session || session == ticket.get()) return;
        SSL_SESSION_up_ref(session);
        ticket.reset(session);
    }
};

constexpr int both_versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

PolicySettings verifying(const World& world) {
    PolicySettings settings;
    settings.client_auth = ClientAuth::require_and_verify;
    settings.client_ca_pem = world.root.certificate_pem();
    return settings;
}

}  // namespace

TEST_CASE("resumption: a ticket works after a certificate swap and a reload of the same settings") {
    ManualClock clock(wall_now());
    const auto keys = make_ticket_keys(clock);
    for (const int version : both_versions) {
        CAPTURE(version);
        Visitor visitor(version);
        CHECK_FALSE(visitor.visit(make_policy({}, keys)));
        REQUIRE(visitor.ticket);
        CHECK(visitor.visit(make_policy({}, keys)));
        CHECK(visitor.visit(make_policy({}, keys), the_world().credential()));
    }
}

TEST_CASE("resumption: exactly one ticket per handshake") {
    ManualClock clock(wall_now());
    const auto policy = make_policy({}, make_ticket_keys(clock));
    for (const int version : both_versions) {
        ClientOptions options = shop_client();
        options.min_version = options.max_version = version;
        Pair first(policy, options);
        REQUIRE(first.connect());
        CHECK(first.client.tickets() == 1);
        options.resume = first.client.session();
        Pair second(policy, options);
        REQUIRE(second.connect());
        CHECK(second.client.resumed());
        // TLS 1.3 tickets are for one use; a TLS 1.2 one is good until its key grows old.
        CHECK(second.client.tickets() == (version == TLS1_3_VERSION ? 1 : 0));
    }
}

TEST_CASE("resumption: a ticket of one policy is refused by every other") {
    ManualClock clock(wall_now());
    const auto keys = make_ticket_keys(clock);
    PolicySettings tls13;
    tls13.min_version = Version::tls13;
    PolicySettings alpn;
    alpn.alpn_protocols = {"h2"};
    PolicySettings asking;
    asking.client_auth = ClientAuth::request;
    PolicySettings if_given = verifying(the_world());
    if_given.client_auth = ClientAuth::verify_if_given;
    PolicySettings if_given_other = if_given;
    if_given_other.client_ca_pem += "\n";
    PolicySettings suites;
    suites.cipher_suites = {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"};
    PolicySettings groups;
    groups.groups = {"x25519"};
    const std::vector<std::shared_ptr<const Policy>> policies = {make_policy({}, keys),
                                                                 make_policy(tls13, keys),
                                                                 make_policy(alpn, keys),
                                                                 make_policy(suites, keys),
                                                                 make_policy(groups, keys),
                                                                 make_policy(asking, keys),
                                                                 make_policy(if_given, keys),
                                                                 make_policy(if_given_other, keys)};
    for (std::size_t from = 0; from < policies.size(); ++from)
        for (std::size_t to = 0; to < policies.size(); ++to) {
            CAPTURE(from, to);
            Visitor visitor(TLS1_3_VERSION);
            CHECK_FALSE(visitor.visit(policies[from]));
            CHECK(visitor.visit(policies[to]) == (from == to));
        }
}

TEST_CASE("resumption: the challenge policy and policies without keys never resume") {
    for (const int version : both_versions) {
        Visitor visitor(version);
        const auto policy = make_policy();
        CHECK_FALSE(visitor.visit(policy));
        CHECK_FALSE(visitor.ticket);
    }
}

TEST_CASE("resumption: without session tickets nobody gets one, and none is accepted") {
    ManualClock clock(wall_now());
    const auto keys = make_ticket_keys(clock);
    PolicySettings off;
    off.session_tickets = false;
    for (const int version : both_versions) {
        Visitor visitor(version);
        CHECK_FALSE(visitor.visit(make_policy(off, keys)));
        CHECK_FALSE(visitor.ticket);
        CHECK_FALSE(visitor.visit(make_policy({}, keys)));
        REQUIRE(visitor.ticket);
        CHECK_FALSE(visitor.visit(make_policy(off, keys)));
    }
}

TEST_CASE("resumption: early data nobody agreed to is skipped, not an error (RFC 8446 4.2.10)") {
    ManualClock clock(wall_now());
    const auto keys = make_ticket_keys(clock);
    Visitor visitor(TLS1_3_VERSION);
    CHECK_FALSE(visitor.visit(make_policy({}, keys)));
    REQUIRE(visitor.ticket);
    // What a server at this address may have granted before this one.
    SSL_SESSION_set_max_early_data(visitor.ticket.get(), 16 * 1024);

    const bool ours = GENERATE(true, false);
    CAPTURE(ours);
    ClientOptions options = visitor.options;
    options.resume = visitor.ticket.get();
    Pair pair(make_policy({}, ours ? keys : make_ticket_keys(clock)), options);
    const std::string early(8 * 1024, 'e');
    std::size_t written = 0;
    REQUIRE(SSL_write_early_data(pair.client.native(), early.data(), early.size(), &written) == 1);
    REQUIRE(pair.connect());
    CHECK(pair.client.alert() == -1);
    CHECK(pair.server->resumed() == ours);
    CHECK(SSL_get_early_data_status(pair.client.native()) == SSL_EARLY_DATA_REJECTED);
    pair.client.write(pair.link, "after");
    CHECK(pair.read().first == "after");
}

TEST_CASE("ticket keys: a ticket outlives two rotations and not its day") {
    for (const int version : both_versions) {
        CAPTURE(version);
        ManualClock clock(wall_now());
        const auto policy = make_policy({}, make_ticket_keys(clock));
        {
            Visitor visitor(version);
            visitor.visit(policy);
            clock.advance(hours(13));
            CHECK(visitor.visit(policy));
        }
        {
            Visitor visitor(version);
            visitor.visit(policy);
            clock.advance(hours(24) - minutes(1));
            CHECK(visitor.visit(policy));
        }
        {
            Visitor visitor(version);
            visitor.visit(policy);
            clock.advance(hours(24));
            CHECK_FALSE(visitor.visit(policy));  // the key is still kept; the session is too old
            CHECK(visitor.visit(policy));
        }
        {
            Visitor visitor(version);
            visitor.visit(policy);
            clock.advance(hours(36));
            CHECK_FALSE(visitor.visit(policy));
        }
    }
}

TEST_CASE("resumption: the day counts from the full handshake, however often it is renewed") {
    for (const int version : both_versions) {
        CAPTURE(version);
        ManualClock clock(wall_now());
        const auto policy = make_policy({}, make_ticket_keys(clock));
        Visitor visitor(version);
        CHECK_FALSE(visitor.visit(policy));
        for (int hour = 1; hour < 24; ++hour) {
            CAPTURE(hour);
            clock.advance(hours(1));
            CHECK(visitor.visit(policy));
        }
        clock.advance(hours(1));
        CHECK_FALSE(visitor.visit(policy));
        clock.advance(hours(1));
        CHECK(visitor.visit(policy));
    }
}

TEST_CASE("resumption: setting the machine's date changes nothing") {
    ManualClock clock(wall_now());
    const auto policy = make_policy({}, make_ticket_keys(clock));
    Visitor visitor(TLS1_3_VERSION);
    visitor.visit(policy);
    clock.set_wall(wall_now() + hours(24 * 365));
    CHECK(visitor.visit(policy));
    clock.set_wall(wall_now() - hours(24 * 365));
    CHECK(visitor.visit(policy));
}

TEST_CASE("resumption: tickets of another process are ignored") {
    ManualClock clock(wall_now());
    for (const int version : both_versions) {
        Visitor visitor(version);
        visitor.visit(make_policy({}, make_ticket_keys(clock)));
        CHECK_FALSE(visitor.visit(make_policy({}, make_ticket_keys(clock))));
    }
}

TEST_CASE("resumption: a client certificate that has expired since is asked for again") {
    const World world;
    LeafOptions leaf;
    leaf.for_clients = true;
    leaf.ends = std::chrono::seconds(3600);
    const auto certificate = world.credential(leaf);
    for (const int version : both_versions) {
        CAPTURE(version);
        ManualClock clock(wall_now());
        const auto policy = make_policy(verifying(world), make_ticket_keys(clock));
        Visitor visitor(version);
        visitor.options.certificate = certificate.get();
        CHECK_FALSE(visitor.visit(policy));
        clock.advance(minutes(30));
        CHECK(visitor.visit(policy));
        clock.advance(minutes(31));
        CHECK_FALSE(visitor.visit(policy));
    }
}

TEST_CASE("resumption: dropping a client CA makes its clients' tickets worthless") {
    const World world;
    const World other;
    LeafOptions leaf;
    leaf.for_clients = true;
    const auto certificate = world.credential(leaf);
    ManualClock clock(wall_now());
    const auto keys = make_ticket_keys(clock);
    for (const int version : both_versions) {
        CAPTURE(version);
        PolicySettings before = verifying(world);
        before.client_ca_pem += other.root.certificate_pem();
        Visitor visitor(version);
        visitor.options.certificate = certificate.get();
        visitor.visit(make_policy(before, keys));
        REQUIRE(visitor.ticket);

        visitor.options.resume = visitor.ticket.get();
        Pair pair(make_policy(verifying(other), keys), visitor.options);
        CHECK_FALSE(pair.connect());
    }
}

TEST_CASE("resumption: a ticket does not carry a nameless client to a verified one") {
    const World world;
    ManualClock clock(wall_now());
    const auto keys = make_ticket_keys(clock);
    for (const int version : both_versions) {
        Visitor visitor(version);
        visitor.visit(make_policy({}, keys));
        visitor.options.resume = visitor.ticket.get();
        Pair pair(make_policy(verifying(world), keys), visitor.options);
        CHECK_FALSE(pair.connect());
    }
}
