#include "base/secret.hpp"

#include "support/catch.hpp"
#include "support/heap.hpp"

#include <memory>
#include <new>
#include <string>
#include <string_view>

using mesh::Secret;
using mesh::test::FreedMemoryWatch;

namespace {

constexpr std::string_view marker = "-----BEGIN PRIVATE KEY-----";

std::string key_text() {
    return std::string(marker) + "\nMIG2AgEAMBAGByqGSM49AgEG\n";
}

}  // namespace

TEST_CASE("secret: the test notices a key left in freed memory", "[secret]") {
    const FreedMemoryWatch watch(marker);
    { auto plain = std::make_unique<std::string>(key_text()); }

    CHECK(watch.hits() > 0);
}

TEST_CASE("secret: is wiped when it goes, is assigned to, or moved from", "[secret]") {
    {
        Secret one(key_text());
        Secret two(key_text() + "another");
        Secret three(key_text() + "a third");
        const FreedMemoryWatch watch(marker);
        {
            Secret moved(std::move(one));
            Secret copied(moved);
            copied = two;
            copied = std::move(three);
            moved = Secret();
        }
        { const Secret gone(std::move(two)); }
        CHECK(watch.hits() == 0);
    }
}

TEST_CASE("secret: a short one leaves no trace in the object either", "[secret]") {
    alignas(Secret) unsigned char place[sizeof(Secret)];
    const auto holds_it = [&place] {
        return std::string_view(reinterpret_cast<const char*>(place), sizeof(place))
                   .find("hunter2") != std::string_view::npos;
    };
    auto* const secret = new (place) Secret(std::string("hunter2"));
    CHECK(holds_it());

    const Secret other(std::move(*secret));
    CHECK_FALSE(holds_it());
    CHECK(other.reveal() == "hunter2");
    *secret = other;
    CHECK(holds_it());
    secret->~Secret();
    CHECK_FALSE(holds_it());
}

TEST_CASE("secret: copies and moves keep the text", "[secret]") {
    Secret original(key_text());
    const Secret copy(original);
    CHECK(copy == original);

    const Secret moved(std::move(original));
    CHECK(moved.reveal() == key_text());
    CHECK(original.empty());  // NOLINT(bugprone-use-after-move): promised to be empty

    Secret assigned;
    assigned = moved;
    const Secret& itself = assigned;
    assigned = itself;
    CHECK(assigned == moved);
}

TEST_CASE("secret: compares by value", "[secret]") {
    CHECK(Secret("a") == Secret("a"));
    CHECK_FALSE(Secret("a") == Secret("b"));
    CHECK_FALSE(Secret("a") == Secret("aa"));
    CHECK(Secret() == Secret(""));
}
