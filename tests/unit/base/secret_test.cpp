#include "base/secret.hpp"

#include "support/catch.hpp"

#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <new>
#include <string_view>

using mesh::Secret;

namespace {

constexpr std::string_view marker = "-----BEGIN PRIVATE KEY-----";

/// While set, every freed block is searched for the marker.
bool watching = false;
int leaks = 0;

void inspect(const void* memory) {
    if (!watching || memory == nullptr) return;
    const std::string_view block(static_cast<const char*>(memory),
                                 ::malloc_usable_size(const_cast<void*>(memory)));
    if (block.find(marker) != std::string_view::npos) ++leaks;
}

struct Watch {
    Watch() {
        leaks = 0;
        watching = true;
    }
    ~Watch() { watching = false; }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
};

std::string key_text() {
    return std::string(marker) + "\nMIG2AgEAMBAGByqGSM49AgEG\n";
}

}  // namespace

void* operator new(std::size_t size) {
    if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    inspect(memory);
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    inspect(memory);
    std::free(memory);
}

TEST_CASE("secret: the test notices a key left in freed memory", "[secret]") {
    const Watch watch;
    { auto plain = std::make_unique<std::string>(key_text()); }

    CHECK(leaks > 0);
}

TEST_CASE("secret: is wiped when it goes, is assigned to, or moved from", "[secret]") {
    {
        Secret one(key_text());
        Secret two(key_text() + "another");
        Secret three(key_text() + "a third");
        const Watch watch;
        {
            Secret moved(std::move(one));
            Secret copied(moved);
            copied = two;
            copied = std::move(three);
            moved = Secret();
        }
        { const Secret gone(std::move(two)); }
        CHECK(leaks == 0);
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
