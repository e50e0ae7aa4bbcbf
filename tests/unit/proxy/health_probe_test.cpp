// One look at a server, by the clock it is given.
#include "proxy/health_probe.hpp"

#include "support/catch.hpp"
#include "support/plane.hpp"

#include <chrono>
#include <poll.h>

using namespace mesh;
using namespace mesh::test;
using proxy::HealthProbe;
using std::chrono::seconds;

namespace {

HealthProbe::Dialogue dialogue_with(const Backend& backend, std::string_view expected) {
    HealthProbe::Dialogue dialogue;
    dialogue.addresses = {*proxy::SocketAddress::parse("127.0.0.1", backend.port())};
    dialogue.hear.assign(expected.begin(), expected.end());
    return dialogue;
}

void wait_for(const HealthProbe& probe, short event) {
    pollfd watched{probe.fd(), event, 0};
    REQUIRE(::poll(&watched, 1, 30'000) == 1);
}

}  // namespace

TEST_CASE("health probe: an answer that came in time counts, however late it is seen", "[health]") {
    Backend backend([](Peer peer) {
        peer.send("hello");
        peer.receive_all();
    });
    const SteadyTime begun{};
    HealthProbe probe(dialogue_with(backend, "hello"), begun, begun + seconds(3));
    wait_for(probe, POLLIN);
    CHECK(probe.advance(begun + seconds(4), POLLIN | POLLOUT) == HealthProbe::State::passed);
}

TEST_CASE("health probe: who has said nothing when the time is over has failed", "[health]") {
    Backend backend([](Peer peer) { peer.receive_all(); });
    const SteadyTime begun{};
    HealthProbe probe(dialogue_with(backend, "hello"), begun, begun + seconds(3));
    wait_for(probe, POLLOUT);
    CHECK(probe.advance(begun + seconds(1), POLLOUT) == HealthProbe::State::running);
    CHECK(probe.advance(begun + seconds(2), 0) == HealthProbe::State::running);
    CHECK(probe.advance(begun + seconds(3), 0) == HealthProbe::State::failed);
    CHECK(probe.reason() == "no answer in time");
}
