// Who is looked at next, and that nobody takes all places.
#include "proxy/look_order.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <deque>

using namespace mesh;
using proxy::LookOrder;
using Look = LookOrder::Look;
using Lane = LookOrder::Lane;

namespace {

using std::chrono::seconds;

const SteadyTime noon{std::chrono::hours(12)};

/// `count` looks in a lane, due at `when`.
std::deque<Look> looks_in(Lane& lane, LookOrder& order, std::size_t count, SteadyTime when) {
    std::deque<Look> looks(count);
    for (Look& look : looks) {
        look.lane = &lane;
        order.set(look, when);
    }
    return looks;
}

std::size_t begin_all(LookOrder& order, SteadyTime now) {
    std::size_t begun = 0;
    while (order.begin_next(now) != nullptr) ++begun;
    return begun;
}

}  // namespace

TEST_CASE("look order: whose time came first begins first, and nobody before it", "[health]") {
    LookOrder order(8);
    Lane a;
    Lane b;
    auto later = looks_in(a, order, 1, noon + seconds(2));
    auto first = looks_in(b, order, 1, noon + seconds(1));
    CHECK(order.next_at() == noon + seconds(1));
    CHECK(order.begin_next(noon) == nullptr);
    CHECK(order.waits_longest(noon) == nullptr);
    CHECK(order.waits_longest(noon + seconds(3)) == &first.front());
    CHECK(order.begin_next(noon + seconds(3)) == &first.front());
    CHECK(order.begin_next(noon + seconds(3)) == &later.front());
    CHECK(order.begin_next(noon + seconds(3)) == nullptr);
    CHECK(order.next_at() == SteadyTime::max());
    CHECK(order.running() == 2);
}

TEST_CASE("look order: a lane has as many places as are left beside it", "[health]") {
    LookOrder order(12);
    Lane slow;
    auto hung = looks_in(slow, order, 20, noon);
    CHECK(begin_all(order, noon) == 6);
    // What waits there does not make anybody spin.
    CHECK(order.next_at() == SteadyTime::max());
    Lane other;
    auto others = looks_in(other, order, 20, noon + seconds(1));
    CHECK(begin_all(order, noon + seconds(1)) == 3);
    CHECK(slow.running == 6);
    CHECK(other.running == 3);
    // A place that becomes free goes to whoever has fewer.
    order.set(hung.front(), noon + seconds(9));
    CHECK(order.begin_next(noon + seconds(1)) == &others[3]);
    CHECK(order.begin_next(noon + seconds(1)) == nullptr);
    CHECK(order.waits_longest(noon + seconds(1))->lane == &slow);
}

TEST_CASE("look order: what is removed waits no more and holds no place", "[health]") {
    LookOrder order(2);
    Lane lane;
    auto looks = looks_in(lane, order, 2, noon);
    Look* const running = order.begin_next(noon);
    CHECK(order.begin_next(noon) == nullptr);
    order.remove(*running);
    CHECK(order.running() == 0);
    Look* const other = order.begin_next(noon);
    CHECK(other != nullptr);
    CHECK(other != running);
    order.set(*other, noon + seconds(1));
    order.remove(*other);
    CHECK(order.next_at() == SteadyTime::max());
}
