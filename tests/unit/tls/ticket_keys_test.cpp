#include "tls/ticket_keys.hpp"

#include "setup.hpp"

#include <thread>

using namespace mesh;
using namespace mesh::tls;
using namespace mesh::tls::test;
using std::chrono::hours;

namespace {

/// Moves on for all threads at once.
class SharedClock final : public Clock {
 public:
    [[nodiscard]] WallTime now() const override { return WallTime(std::chrono::hours(hours_)); }
    [[nodiscard]] SteadyTime steady_now() const override {
        return SteadyTime(std::chrono::hours(hours_));
    }
    void advance(int by) { hours_ += by; }

 private:
    std::atomic<int> hours_{1000};
};

bool is_kept(TicketKeys& keys, const TicketKey& key) {
    const auto found = keys.find(key.name());
    return found && found->key.bytes == key.bytes;
}

}  // namespace

TEST_CASE("ticket keys: a key seals for 12 hours, opens for 36, and is gone then") {
    ManualClock clock(wall_now());
    TicketKeys keys(clock);
    const TicketKey first = keys.newest();
    CHECK(keys.find(first.name())->is_newest);

    clock.advance(hours(12) - std::chrono::seconds(1));
    CHECK(keys.newest().bytes == first.bytes);
    clock.advance(std::chrono::seconds(1));
    const TicketKey second = keys.newest();
    CHECK(second.bytes != first.bytes);
    REQUIRE(is_kept(keys, first));
    CHECK_FALSE(keys.find(first.name())->is_newest);

    clock.advance(hours(12));
    CHECK(is_kept(keys, first));
    CHECK(is_kept(keys, second));
    clock.advance(hours(12) - std::chrono::seconds(1));
    CHECK(is_kept(keys, first));
    clock.advance(std::chrono::seconds(1));
    CHECK_FALSE(is_kept(keys, first));
    CHECK(is_kept(keys, second));
}

TEST_CASE("ticket keys: after quiet days no old key is left, and time goes on from there") {
    for (const int quiet : {36, 48, 24 * 100}) {
        ManualClock clock(wall_now());
        TicketKeys keys(clock);
        const TicketKey old = keys.newest();
        clock.advance(hours(quiet));
        CHECK_FALSE(is_kept(keys, old));
        const TicketKey fresh = keys.newest();
        clock.advance(hours(11));
        CHECK(keys.newest().bytes == fresh.bytes);
        clock.advance(hours(1));
        CHECK(keys.newest().bytes != fresh.bytes);
        CHECK(is_kept(keys, fresh));
    }
}

TEST_CASE("ticket keys: no name is predictable") {
    ManualClock clock(wall_now());
    TicketKeys keys(clock);
    const TicketKey zero;
    CHECK_FALSE(keys.find(zero.name()).has_value());
}

TEST_CASE("ticket keys: another process goes on with them, and with their age", "[upgrade]") {
    ManualClock clock(wall_now());
    TicketKeys keys(clock);
    const TicketKey old = keys.newest();
    clock.advance(hours(12));
    const TicketKey newest = keys.newest();
    clock.advance(hours(11));

    const auto taken = import_ticket_keys(export_ticket_keys(keys), clock);
    REQUIRE(taken.has_value());
    CHECK((*taken)->newest().bytes == newest.bytes);
    CHECK(is_kept(**taken, old));
    clock.advance(hours(1));
    CHECK((*taken)->newest().bytes != newest.bytes);
    CHECK(is_kept(**taken, newest));
}

TEST_CASE("ticket keys: what is no export is refused, and none seals longer than its time",
          "[upgrade]") {
    ManualClock clock(wall_now());
    TicketKeys keys(clock);
    const Secret text = export_ticket_keys(keys);
    CHECK(import_ticket_keys({}, clock).has_error());
    CHECK(import_ticket_keys(Secret("c2VjcmV0"), clock).has_error());
    CHECK(import_ticket_keys(Secret(std::string(text.reveal()) + "AAAA"), clock).has_error());

    TicketKeys::Content content = keys.content();
    content.due = SteadyTime::max();
    TicketKeys endless(clock, content);
    clock.advance(hours(12));
    CHECK(endless.newest().bytes != content.keys[0].bytes);
}

TEST_CASE("ticket keys: readers see whole keys while others rotate them") {
    SharedClock clock;
    TicketKeys keys(clock);
    std::atomic<bool> stop = false;
    std::atomic<int> torn = 0;
    std::atomic<int> reads = 0;
    const auto read = [&] {
        while (!stop) {
            const TicketKey key = keys.newest();
            const auto found = keys.find(key.name());
            // It may have been rotated out meanwhile, but never be half of two.
            if (found && found->key.bytes != key.bytes) ++torn;
            ++reads;
        }
    };
    std::thread first(read);
    std::thread second(read);
    for (int i = 0; i < 2000; ++i) {
        clock.advance(12);
        const int before = reads;
        while (reads == before) std::this_thread::yield();
    }
    stop = true;
    first.join();
    second.join();
    CHECK(torn == 0);
}

TEST_CASE("threads: workers with policies of their own share certificates and ticket keys") {
    SharedClock clock;
    const auto keys = make_ticket_keys(clock);
    const auto credential = the_credential();
    std::atomic<int> established = 0;
    std::atomic<int> resumed = 0;
    const auto work = [&] {
        const auto policy = Policy::make({}, keys);
        if (!policy) return;
        for (int i = 0; i < 50; ++i) {
            Link link;
            Client first(shop_client());
            auto server = Session::accept(**policy, credential, expected_of(shop_client()), link);
            if (server && meet(first, **server, link).established()) ++established;

            ClientOptions again = shop_client();
            again.resume = first.session();
            Link second_link;
            Client second(again);
            server = Session::accept(**policy, credential, expected_of(again), second_link);
            if (server && meet(second, **server, second_link).established() && (*server)->resumed())
                ++resumed;
        }
    };
    std::thread first(work);
    std::thread second(work);
    first.join();
    second.join();
    CHECK(established == 100);
    CHECK(resumed == 100);
}
