#pragma once
// What most TLS tests start from.
#include "authority.hpp"
#include "client.hpp"
#include "support/catch.hpp"

namespace mesh::tls::test {

inline const World& the_world() {
    static const World world;
    return world;
}

inline const std::shared_ptr<const Credential>& the_credential() {
    static const auto credential = the_world().credential();
    return credential;
}

inline const ClientOptions& shop_client() {
    static const ClientOptions options = [] {
        ClientOptions made;
        made.server_name = "shop.example";
        return made;
    }();
    return options;
}

inline std::shared_ptr<const Policy> make_policy(const PolicySettings& settings = {},
                                                 std::shared_ptr<TicketKeys> tickets = nullptr) {
    auto policy = Policy::make(settings, std::move(tickets));
    REQUIRE(policy.has_value());
    return *policy;
}

/// A client and a server with the wire between them.
struct Pair {
    Link link;
    Client client;
    std::unique_ptr<Session> server;
    Meeting meeting;

    explicit Pair(const std::shared_ptr<const Policy>& policy,
                  const ClientOptions& options = shop_client(),
                  const std::shared_ptr<const Credential>& credential = the_credential(),
                  std::string routed_protocol = {})
        : client(options) {
        ExpectedHello expected = expected_of(options);
        expected.routed_protocol = std::move(routed_protocol);
        auto session = Session::accept(*policy, credential, std::move(expected), link);
        REQUIRE(session.has_value());
        server = std::move(*session);
    }

    bool connect() {
        meeting = meet(client, *server, link);
        return meeting.established();
    }
    /// What the server can read now, and how that ended.
    std::pair<std::string, Progress> read() {
        std::string text;
        Bytes into(32 * 1024);
        std::size_t count = 0;
        Progress progress = Progress::done;
        while ((progress = server->read(into, count)) == Progress::done)
            text += as_text(ByteView(into).first(count));
        return {text, progress};
    }
};

inline Pair& connected(Pair& pair) {
    REQUIRE(pair.connect());
    return pair;
}

}  // namespace mesh::tls::test
