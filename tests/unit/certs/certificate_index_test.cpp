#include "certs/certificate_index.hpp"

#include "support/catch.hpp"

#include <map>
#include <random>

using namespace mesh;
using namespace mesh::certs;
using std::chrono::hours;

namespace {

const WallTime now = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 22));
constexpr std::size_t plenty = 1U << 30U;

Hostname host(std::string_view text) {
    return *Hostname::parse(text);
}

struct Wanted {
    CertificateId id = 1;
    VersionId version = 1;
    std::vector<std::string> names = {"shop.example"};
    std::string directory = {};
    hours starts{-24};
    hours ends{24 * 60};
    bool can_be_loaded = true;
};

EntryPtr entry(const Wanted& wanted) {
    auto made = std::make_shared<CertificateEntry>();
    made->id = wanted.id;
    made->version = wanted.version;
    for (const std::string& name : wanted.names) made->names.push_back(*HostPattern::parse(name));
    made->directory = wanted.directory;
    made->not_before = now + wanted.starts;
    made->not_after = now + wanted.ends;
    made->can_be_loaded = wanted.can_be_loaded;
    return made;
}

CredentialPtr credential() {
    static const CredentialPtr parts = *tls::make_default_credential(now);
    return std::make_shared<const tls::Credential>(parts->chain(), parts->key());
}

/// An index whose loader only notes what it is asked for.
struct Fixture {
    std::vector<EntryPtr> requested;
    ManualClock clock{now};
    CertificateIndex index;

    explicit Fixture(std::size_t cache_bytes = plenty)
        : index([this](EntryPtr asked) { requested.push_back(std::move(asked)); },
                cache_bytes,
                clock) {}

    Lookup find(std::string_view name, std::string_view directory = {}) {
        const Hostname parsed = host(name);
        return index.find(Query{parsed, directory, now});
    }
    CertificateId chosen(std::string_view name, std::string_view directory = {}) {
        const Lookup found = find(name, directory);
        return found.entry ? found.entry->id : 0;
    }
};

}  // namespace

TEST_CASE("certificate index: nothing is found where nothing was put") {
    Fixture f;
    f.index.put(entry({}), credential());
    CHECK(f.find("other.example").state == Lookup::State::none);
    CHECK(f.find("www.shop.example").state == Lookup::State::none);
    CHECK(f.find("example").state == Lookup::State::none);
    CHECK(f.find("shop.example").state == Lookup::State::ready);
}

TEST_CASE("certificate index: a wildcard stands for exactly one label") {
    Fixture f;
    f.index.put(entry({.names = {"*.shop.example"}}), credential());
    CHECK(f.find("www.shop.example").state == Lookup::State::ready);
    CHECK(f.find("shop.example").state == Lookup::State::none);
    CHECK(f.find("a.www.shop.example").state == Lookup::State::none);
}

TEST_CASE("certificate index: a cold certificate is asked for once, whoever waits for it") {
    Fixture f;
    const EntryPtr cold = entry({.id = 7, .version = 70, .names = {"a.example", "b.example"}});
    f.index.put(cold);

    const Lookup first = f.find("a.example");
    CHECK(first.state == Lookup::State::loading);
    CHECK(first.entry == cold);
    CHECK(f.find("b.example").state == Lookup::State::loading);
    CHECK(f.find("a.example").state == Lookup::State::loading);
    REQUIRE(f.requested.size() == 1);
    CHECK(f.requested.front() == cold);

    const CredentialPtr read = credential();
    f.index.loaded(7, 70, read);
    const Lookup ready = f.find("b.example");
    CHECK(ready.state == Lookup::State::ready);
    CHECK(ready.credential == read);
    CHECK(ready.entry == cold);
    CHECK(f.requested.size() == 1);
}

TEST_CASE("certificate index: what could not be read for a passing reason is tried again") {
    for (const Errc why : {Errc::io, Errc::permission, Errc::full, Errc::limit}) {
        Fixture f;
        f.index.put(entry({.id = 1, .version = 10}));
        CHECK(f.find("shop.example").state == Lookup::State::loading);
        f.index.load_failed(1, 10, why);
        CHECK(f.find("shop.example").state == Lookup::State::none);

        f.clock.advance(CertificateIndex::read_pause - std::chrono::milliseconds(1));
        CHECK(f.find("shop.example").state == Lookup::State::none);
        CHECK(f.requested.size() == 1);

        f.clock.advance(std::chrono::milliseconds(1));
        CHECK(f.find("shop.example").state == Lookup::State::loading);
        CHECK(f.find("shop.example").state == Lookup::State::loading);
        CHECK(f.requested.size() == 2);
        f.index.load_failed(1, 10, why);
        CHECK(f.find("shop.example").state == Lookup::State::none);  // pauses again

        f.clock.advance(CertificateIndex::read_pause);
        CHECK(f.find("shop.example").state == Lookup::State::loading);
        f.index.loaded(1, 10, credential());
        CHECK(f.find("shop.example").state == Lookup::State::ready);
    }
}

TEST_CASE("certificate index: content that is not right is not tried again") {
    for (const Errc why : {Errc::corrupt, Errc::not_found, Errc::invalid, Errc::tls}) {
        Fixture f;
        f.index.put(entry({.id = 1, .version = 10}));
        CHECK(f.find("shop.example").state == Lookup::State::loading);
        f.index.load_failed(1, 10, why);
        f.clock.advance(hours(100));
        CHECK(f.find("shop.example").state == Lookup::State::none);
        CHECK(f.requested.size() == 1);
    }
}

TEST_CASE("certificate index: a version that cannot be read makes way until it is put anew") {
    Fixture f;
    f.index.put(entry({.id = 1, .version = 10, .ends = hours(24 * 90)}));
    f.index.put(entry({.id = 2, .version = 20, .ends = hours(24 * 10)}), credential());
    CHECK(f.find("shop.example").state == Lookup::State::loading);

    f.index.load_failed(1, 10, Errc::corrupt);
    CHECK(f.chosen("shop.example") == 2);
    CHECK(f.requested.size() == 1);

    f.index.put(entry({.id = 1, .version = 10, .ends = hours(24 * 90)}));
    CHECK(f.find("shop.example").state == Lookup::State::loading);
    CHECK(f.requested.size() == 2);

    f.index.remove(2);
    f.index.load_failed(1, 10, Errc::corrupt);
    CHECK(f.find("shop.example").state == Lookup::State::none);
}

TEST_CASE("certificate index: answers for a version that was replaced meanwhile are ignored") {
    Fixture f;
    f.index.put(entry({.id = 1, .version = 10}));
    CHECK(f.find("shop.example").state == Lookup::State::loading);

    const CredentialPtr newer = credential();
    f.index.put(entry({.id = 1, .version = 11}), newer);
    f.index.loaded(1, 10, credential());
    CHECK(f.find("shop.example").credential == newer);
    f.index.load_failed(1, 10, Errc::corrupt);
    CHECK(f.find("shop.example").credential == newer);

    f.index.put(entry({.id = 1, .version = 12}));
    f.index.load_failed(1, 11, Errc::corrupt);
    CHECK(f.find("shop.example").state == Lookup::State::loading);
    f.index.loaded(99, 1, credential());  // never heard of
    CHECK(f.index.size() == 1);
}

TEST_CASE("certificate index: a swap serves the new version from the next handshake on") {
    Fixture f;
    const CredentialPtr old = credential();
    f.index.put(entry({.id = 1, .version = 10, .names = {"a.example", "b.example"}}), old);
    CHECK(f.find("a.example").credential == old);

    const CredentialPtr fresh = credential();
    f.index.put(entry({.id = 1, .version = 11, .names = {"a.example", "c.example"}}), fresh);
    CHECK(f.find("a.example").credential == fresh);
    CHECK(f.find("c.example").credential == fresh);
    CHECK(f.find("b.example").state == Lookup::State::none);
    CHECK(f.index.size() == 1);
    CHECK(f.requested.empty());
    CHECK(f.index.cache_bytes() == fresh->memory_size());
}

TEST_CASE("certificate index: the same version put again stays loaded, and loading") {
    Fixture f;
    const CredentialPtr held = credential();
    f.index.put(entry({.id = 1, .version = 10}), held);
    f.index.put(entry({.id = 1, .version = 10}));
    CHECK(f.find("shop.example").credential == held);

    f.index.put(entry({.id = 2, .version = 20, .names = {"x.example"}}));
    CHECK(f.find("x.example").state == Lookup::State::loading);
    f.index.put(entry({.id = 2, .version = 20, .names = {"x.example"}}));
    CHECK(f.find("x.example").state == Lookup::State::loading);
    CHECK(f.requested.size() == 1);
}

TEST_CASE("certificate index: valid beats exact beats directory beats lifetime") {
    Fixture f;
    const Wanted expired_exact{.id = 1, .directory = "le", .ends = hours(-1)};
    const Wanted wildcard{.id = 2, .names = {"*.example"}, .directory = "le", .ends = hours(900)};
    const Wanted exact{.id = 3, .directory = "other", .ends = hours(100)};
    const Wanted preferred{.id = 4, .directory = "le", .ends = hours(50)};
    const Wanted preferred_longer{.id = 5, .directory = "le", .ends = hours(60)};

    f.index.put(entry(expired_exact), credential());
    CHECK(f.chosen("shop.example", "le") == 1);  // better than none
    f.index.put(entry(wildcard), credential());
    CHECK(f.chosen("shop.example", "le") == 2);
    f.index.put(entry(exact), credential());
    CHECK(f.chosen("shop.example", "le") == 3);
    f.index.put(entry(preferred), credential());
    CHECK(f.chosen("shop.example", "le") == 4);
    CHECK(f.chosen("shop.example") == 3);
    CHECK(f.chosen("shop.example", "other") == 3);
    f.index.put(entry(preferred_longer), credential());
    CHECK(f.chosen("shop.example", "le") == 5);
}

TEST_CASE("certificate index: validity is asked at the time of the handshake") {
    Fixture f;
    f.index.put(entry({.id = 1, .starts = hours(-10), .ends = hours(10)}), credential());
    f.index.put(entry({.id = 2, .starts = hours(5), .ends = hours(100)}), credential());
    const Hostname name = host("shop.example");
    const auto chosen_at = [&](hours later) {
        return f.index.find(Query{name, {}, now + later}).entry->id;
    };
    CHECK(chosen_at(hours(0)) == 1);   // 2 is not valid yet
    CHECK(chosen_at(hours(6)) == 2);   // both are, 2 lives longer
    CHECK(chosen_at(hours(11)) == 2);  // 1 has expired
    CHECK(chosen_at(hours(200)) == 2);
}

TEST_CASE("certificate index: the least recently used credentials make room") {
    const std::size_t one = credential()->memory_size();
    Fixture f(3 * one);
    for (CertificateId id = 1; id <= 3; ++id)
        f.index.put(entry({.id = id, .names = {"n" + std::to_string(id) + ".example"}}),
                    credential());
    CHECK(f.find("n1.example").state == Lookup::State::ready);  // 2 is now the oldest

    f.index.put(entry({.id = 4, .names = {"n4.example"}}), credential());
    CHECK(f.index.cache_bytes() == 3 * one);
    CHECK(f.find("n1.example").state == Lookup::State::ready);
    CHECK(f.find("n3.example").state == Lookup::State::ready);
    CHECK(f.find("n4.example").state == Lookup::State::ready);
    CHECK(f.find("n2.example").state == Lookup::State::loading);
    REQUIRE(f.requested.size() == 1);

    f.index.loaded(2, 1, credential());
    CHECK(f.find("n2.example").state == Lookup::State::ready);
    CHECK(f.index.cache_bytes() == 3 * one);
    CHECK(f.find("n1.example").state == Lookup::State::loading);  // asked for again
    CHECK(f.requested.size() == 2);
}

TEST_CASE("certificate index: what is on no disk yet never makes room") {
    const std::size_t one = credential()->memory_size();
    Fixture f(2 * one);
    const CredentialPtr only = credential();
    f.index.put(entry({.id = 1, .version = 10, .can_be_loaded = false}), only);
    for (CertificateId id = 2; id <= 6; ++id)
        f.index.put(entry({.id = id, .names = {"n" + std::to_string(id) + ".example"}}),
                    credential());

    CHECK(f.find("shop.example").credential == only);
    CHECK(f.index.cache_bytes() == 2 * one);  // the others went

    // Stored, under another version or the same, it is as any other.
    const bool same_version = GENERATE(false, true);
    f.index.put(entry({.id = 1, .version = same_version ? 10 : 11}), same_version ? nullptr : only);
    CHECK(f.find("shop.example").credential == only);
    for (CertificateId id = 2; id <= 6; ++id)
        f.index.put(entry({.id = id, .names = {"n" + std::to_string(id) + ".example"}}),
                    credential());
    CHECK(f.find("shop.example").state == Lookup::State::loading);
    CHECK(f.index.cache_bytes() == 2 * one);
    f.index.remove(1);
    CHECK(f.index.cache_bytes() == 2 * one);
}

TEST_CASE("certificate index: a cache smaller than one credential still serves the last") {
    Fixture f(1);
    f.index.put(entry({.id = 1, .names = {"a.example"}}), credential());
    CHECK(f.find("a.example").state == Lookup::State::ready);
    f.index.put(entry({.id = 2, .names = {"b.example"}}), credential());
    CHECK(f.find("b.example").state == Lookup::State::ready);
    CHECK(f.find("a.example").state == Lookup::State::loading);
}

TEST_CASE("certificate index: agrees with a plain list under random puts, removes and loads") {
    std::mt19937 random(20261122);
    const auto pick = [&random](int below) {
        return static_cast<int>(random() % static_cast<unsigned>(below));
    };
    const std::vector<std::string> names = {"a.x", "b.x", "*.x", "a.b.x", "*.b.x", "y"};
    const std::vector<std::string> hosts = {"a.x", "b.x", "c.x", "a.b.x", "z.b.x", "y", "x"};
    Fixture f(5 * credential()->memory_size());
    std::map<CertificateId, EntryPtr> model;

    for (int step = 0; step < 5000; ++step) {
        const CertificateId id = 1 + pick(12);
        if (pick(4) == 0) {
            f.index.remove(id);
            model.erase(id);
        } else {
            Wanted wanted{.id = id, .version = step, .names = {}};
            for (const std::string& name : names)
                if (pick(3) == 0) wanted.names.push_back(name);
            wanted.directory = pick(2) == 0 ? "le" : "other";
            wanted.ends = hours(pick(40) - 10);
            model[id] = entry(wanted);
            f.index.put(model[id], pick(2) == 0 ? credential() : nullptr);
        }
        const Hostname name = host(hosts[static_cast<std::size_t>(pick(7))]);
        const Lookup found = f.index.find(Query{name, "le", now});
        EntryPtr expected;
        const auto rank = [&name](const CertificateEntry& e) {
            const bool exact = std::any_of(e.names.begin(), e.names.end(), [&](const auto& p) {
                return p == HostPattern(name);
            });
            return std::tuple(e.not_after >= now, exact, e.directory == "le", e.not_after, e.id);
        };
        for (const auto& [key, candidate] : model) {
            const bool matches = std::any_of(
                candidate->names.begin(), candidate->names.end(), [&name](const auto& pattern) {
                    return pattern.matches(name);
                });
            if (matches && (!expected || rank(*candidate) > rank(*expected))) expected = candidate;
        }
        REQUIRE(found.entry == expected);
        REQUIRE((found.state == Lookup::State::ready) == (found.credential != nullptr));
        REQUIRE(f.index.size() == model.size());
        if (found.state == Lookup::State::loading && pick(2) == 0)
            f.index.loaded(found.entry->id, found.entry->version, credential());
    }
}
