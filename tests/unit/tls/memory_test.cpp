// What an idle connection holds, and what a loaded certificate does.
#include "setup.hpp"

#include <iostream>
#include <malloc.h>

using namespace mesh;
using namespace mesh::tls;
using namespace mesh::tls::test;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool heap_is_real = false;  // sanitizers bring an allocator of their own
#else
constexpr bool heap_is_real = true;
#endif

namespace {

std::size_t heap_in_use() {
    return mallinfo2().uordblks;
}

struct Idle {
    std::unique_ptr<Link> link = std::make_unique<Link>();
    std::unique_ptr<Session> session;
};

/// Connected and idle after an exchange in both directions; the client is gone.
std::vector<Idle> idle_sessions(const Policy& policy, std::size_t count) {
    std::vector<Idle> sessions;
    sessions.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        Idle idle;
        Client client(shop_client());
        auto session =
            Session::accept(policy, the_credential(), expected_of(shop_client()), *idle.link);
        REQUIRE(session.has_value());
        idle.session = std::move(*session);
        REQUIRE(meet(client, *idle.session, *idle.link).established());
        client.write(*idle.link, std::string(20'000, 'x'));
        Bytes into(64 * 1024);
        std::size_t taken = 0;
        REQUIRE(idle.session->read(into, taken) == Progress::done);
        while (idle.session->read(into, taken) == Progress::done) {
        }
        REQUIRE(idle.session->write(ByteView(into).first(20'000)) == Progress::done);
        REQUIRE(idle.session->flush() == Progress::done);
        client.read(*idle.link);
        sessions.push_back(std::move(idle));
    }
    return sessions;
}

}  // namespace

// OpenSSL 3.2 and newer keep two record layers of 4.4 kB and, after a post-quantum key exchange,
// the peer's key of 6 kB for as long as the session lives; a bare SSL has 27.7 kB there (3.5.7).
TEST_CASE("memory: an idle session holds at most 16 kB, 31 kB with OpenSSL 3.2 and newer") {
    if (!heap_is_real) return;
    SystemClock clock;
    const auto policy = make_policy({}, make_ticket_keys(clock));
    constexpr std::size_t count = 200;
    { static_cast<void>(idle_sessions(*policy, 1)); }  // what is made once

    std::vector<std::unique_ptr<Link>> links;
    const std::size_t at_start = heap_in_use();
    for (std::size_t i = 0; i < count; ++i) links.push_back(std::make_unique<Link>());
    const std::size_t per_link = (heap_in_use() - at_start) / count;
    links.clear();

    const std::size_t before = heap_in_use();
    const auto sessions = idle_sessions(*policy, count);
    const std::size_t each = (heap_in_use() - before) / count - per_link;
    std::cout << "heap per idle TLS session: " << each << " bytes (" << runtime_version() << ")\n";
    CHECK(each <= (OpenSSL_version_num() < 0x3020'0000UL ? 16'000 : 31'000));
}

TEST_CASE("memory: a reader that never quite catches up costs no more than a turn's worth") {
    if (!heap_is_real) return;
    Pair pair(make_policy());
    REQUIRE(pair.connect());
    pair.link.window = 0;
    const std::string piece(16'000, 'x');
    std::size_t most = 0;
    std::size_t received = 0;
    std::size_t written = 0;
    const std::size_t before = heap_in_use();
    for (int turn = 0; turn < 2000; ++turn) {
        // All but a few bytes: there is always something left to send.
        while (pair.server->write(as_bytes(piece)) == Progress::done) written += piece.size();
        pair.link.window = 64'000;
        REQUIRE(pair.server->flush() == Progress::want_write);
        most = std::max(most, heap_in_use() - before);
        pair.link.window = 0;
        received += pair.client.read(pair.link).size();
    }
    CHECK(written > 50'000'000);
    CHECK(written - received < 200'000);
    CHECK(most < 600'000);  // of which the test's own client holds the greater part
}

TEST_CASE("memory: a credential takes no more than it says") {
    if (!heap_is_real) return;
    std::vector<std::string> chains;
    std::vector<std::string> keys;
    const World world;
    for (int i = 0; i < 50; ++i) {
        const Party leaf = world.leaf();
        chains.push_back(leaf.certificate_pem() + world.intermediate.certificate_pem());
        keys.push_back(leaf.key_pem());
    }
    std::vector<std::shared_ptr<const Credential>> held;
    held.reserve(chains.size());
    { static_cast<void>(Credential::from_pem(chains[0], keys[0])); }
    const std::size_t before = heap_in_use();
    std::size_t claimed = 0;
    for (std::size_t i = 0; i < chains.size(); ++i) {
        held.push_back(*Credential::from_pem(chains[i], keys[i]));
        claimed += held.back()->memory_size();
    }
    const std::size_t used = heap_in_use() - before;
    std::cout << "heap per credential: " << used / held.size() << " bytes, claimed "
              << claimed / held.size() << "\n";
    CHECK(used <= claimed);
    CHECK(claimed <= 2 * used);
}
