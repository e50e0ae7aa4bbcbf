#include "acme/nonce_pool.hpp"
#include "support/catch.hpp"

namespace mesh::acme {
namespace {

using std::chrono::minutes;

TEST_CASE("nonce pool: the newest first, each once") {
    NoncePool pool;
    const SteadyTime now{};
    pool.put("one", now);
    pool.put("two", now);
    CHECK(pool.take(now) == "two");
    CHECK(pool.take(now) == "one");
    CHECK_FALSE(pool.take(now));
}

TEST_CASE("nonce pool: keeps the 32 newest") {
    NoncePool pool;
    const SteadyTime now{};
    for (int i = 0; i < 100; ++i) pool.put(std::to_string(i), now);
    CHECK(pool.size() == 32);
    for (int i = 99; i >= 68; --i) CHECK(pool.take(now) == std::to_string(i));
    CHECK_FALSE(pool.take(now));
}

TEST_CASE("nonce pool: forgets after five minutes") {
    NoncePool pool;
    const SteadyTime start{};
    pool.put("old", start);
    pool.put("new", start + minutes{4});
    CHECK(pool.take(start + minutes{6}) == "new");
    CHECK_FALSE(pool.take(start + minutes{6}));
    CHECK(pool.size() == 0);
}

TEST_CASE("nonce pool: takes nothing that is not a nonce") {
    NoncePool pool;
    const SteadyTime now{};
    for (const std::string text : {"", "a b", "a+b", "a=", "a\nb", "\xc3\xa4"}) {
        CAPTURE(text);
        pool.put(text, now);
        CHECK(pool.size() == 0);
    }
    pool.put(std::string(513, 'a'), now);
    CHECK(pool.size() == 0);
    pool.put(std::string(512, 'a'), now);
    CHECK(pool.size() == 1);
}

}  // namespace
}  // namespace mesh::acme
