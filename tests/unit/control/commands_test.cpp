// What people ask of a running reconciler.
#include "control/identity.hpp"
#include "control/plan_json.hpp"
#include "support/catch.hpp"
#include "unit/control/support/world.hpp"

#include <algorithm>
#include <utility>

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;

namespace {

HostPattern name(const std::string& text) {
    return HostPattern::parse(text).value();
}

RenewRequest renew(const std::string& one) {
    RenewRequest request;
    request.names.push_back(name(one));
    return request;
}

acme::Failure refused_with_patience(WallTime until) {
    acme::Failure failure =
        a_failure(acme::FailureClass::rate_limited,
                  "rateLimited",
                  "too many certificates (5) already issued for this exact set");
    failure.retry_at = until;
    return failure;
}

/// Validation of every name fails.
auto nothing_validates() {
    return [](const std::string&) {
        acme::Problem problem;
        problem.type = "urn:ietf:params:acme:error:dns";
        problem.detail = "NXDOMAIN";
        return std::optional(problem);
    };
}

ImportItem pair(Issuer& issuer, const std::vector<std::string>& names, WallTime from) {
    const auto made = issuer.issue_pair({names, from - days{1}, from + days{60}, false});
    return {names.front(), made.chain_pem, Secret{made.key_pem}};
}

std::vector<ImportLine> import_all(World& world, std::vector<ImportItem> items) {
    std::optional<std::vector<ImportLine>> lines;
    world.reconciler->import({directory, "le"},
                             std::move(items),
                             [&](std::vector<ImportLine> done) { lines = std::move(done); });
    REQUIRE(world.run_until([&] { return lines.has_value(); }, 1min));
    return *lines;
}

}  // namespace

TEST_CASE("commands: renew orders a certificate that is not due") {
    World world;
    world.add({"a.example", "b.example"});
    world.add({"c.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 1min));

    const auto lines = world.reconciler->renew(renew("b.example"));

    REQUIRE(lines.size() == 1);
    CHECK(lines[0].outcome == RenewOutcome::asked);
    CHECK(lines[0].names.front() == "a.example");
    REQUIRE(world.run_until([&] { return world.ca.issued == 3; }, 1min));
    world.run_for(1h);
    CHECK(world.ca.orders_made == 3);  // once, and only this one
}

TEST_CASE("commands: renew --failed ends our own waits, not those the CA asked for") {
    World world;
    world.add({"ours.example"});
    world.add({"theirs.example"});
    world.add({"fine.example"});
    const WallTime until = world.clock.now() + 20h;
    world.ca.refuse = [until](Step step, const std::vector<std::string>& names) {
        std::optional<acme::Failure> failure;
        if (step == Step::place && names.front() == "theirs.example")
            failure = refused_with_patience(until);
        return failure;
    };
    world.ca.fails_validation = [](const std::string& asked) {
        return asked == "ours.example" ? nothing_validates()(asked) : std::nullopt;
    };
    world.start();
    world.run_for(2h);
    const std::size_t placed = world.ca.asked[Step::place];
    world.ca.fails_validation = {};

    RenewRequest failed;
    failed.failed = true;
    const auto lines = world.reconciler->renew(failed);

    REQUIRE(lines.size() == 2);
    CHECK(lines[0].names.front() == "ours.example");
    CHECK(lines[0].outcome == RenewOutcome::asked);
    CHECK(lines[1].names.front() == "theirs.example");
    CHECK(lines[1].outcome == RenewOutcome::waits);
    CHECK(lines[1].until == until);
    CHECK_THAT(lines[1].reason, ContainsSubstring("already issued"));
    CHECK(world.run_until([&] { return world.live("ours.example"); }, 1min));
    world.run_for(1h);
    CHECK(world.ca.asked[Step::place] == placed + 1);
}

TEST_CASE("commands: after a restart renew still respects a limit of the CA") {
    World world;
    world.add({"a.example"});
    const WallTime until = world.clock.now() + 20h;
    world.ca.refuse = [until](Step step, const std::vector<std::string>&) {
        return step == Step::place ? std::optional(refused_with_patience(until)) : std::nullopt;
    };
    world.start();
    world.run_for(1h);
    world.kill();
    world.start();
    world.run_for(1min);

    const auto lines = world.reconciler->renew(renew("a.example"));

    REQUIRE(lines.size() == 1);
    CHECK(lines[0].outcome == RenewOutcome::waits);
    CHECK(lines[0].until == until);
    world.run_for(1h);
    CHECK(world.ca.asked[Step::place] == 1);
}

TEST_CASE("commands: after a restart renew respects a wait that came without a limit's name") {
    World world;
    world.add({"a.example"});
    acme::Failure busy = a_failure(acme::FailureClass::rate_limited, "serverInternal", "busy");
    busy.retry_at = world.clock.now() + 20h;
    world.ca.refuse = [busy](Step step, const std::vector<std::string>&) {
        return step == Step::authorization ? std::optional(busy) : std::nullopt;
    };
    world.start();
    world.run_for(1h);
    REQUIRE(world.ca.asked[Step::authorization] == 1);
    world.kill();
    world.start();
    world.run_for(1min);

    const auto lines = world.reconciler->renew(renew("a.example"));

    REQUIRE(lines.size() == 1);
    CHECK(lines[0].outcome == RenewOutcome::waits);
    CHECK(lines[0].until == busy.retry_at);
    world.run_for(1h);
    CHECK(world.ca.asked[Step::authorization] == 1);
}

TEST_CASE("commands: after a restart renew respects the wait that came with a counted failure") {
    World world;
    world.add({"a.example"});
    acme::Failure refused = a_failure(acme::FailureClass::name, "rejectedIdentifier", "tomorrow");
    refused.retry_at = world.clock.now() + 20h;
    world.ca.refuse = [refused](Step step, const std::vector<std::string>&) {
        return step == Step::place ? std::optional(refused) : std::nullopt;
    };
    world.start();
    world.run_for(1h);
    REQUIRE(world.ca.asked[Step::place] == 1);
    REQUIRE(world.store.find("a.example")->record.attempts == 1);
    for (int starts = 0; starts < 2; ++starts) {
        world.kill();
        world.start();
        world.run_for(1min);

        const auto lines = world.reconciler->renew(renew("a.example"));

        REQUIRE(lines.size() == 1);
        CHECK(lines[0].outcome == RenewOutcome::waits);
        CHECK(lines[0].until == refused.retry_at);
        world.run_for(1h);
        CHECK(world.ca.asked[Step::place] == 1);
    }
    world.ca.refuse = {};
    CHECK(world.run_until([&] { return world.all_live(); }, 20h));
    CHECK(world.clock.now() >= *refused.retry_at);
}

TEST_CASE("commands: after a restart renew still ends a wait of our own") {
    World world;
    world.add({"a.example"});
    world.ca.fails_validation = nothing_validates();
    world.start();
    world.run_for(2h);
    world.ca.fails_validation = {};
    world.kill();
    world.start();
    world.run_for(1s);
    REQUIRE_FALSE(world.all_live());

    CHECK(world.reconciler->renew(renew("a.example")).at(0).outcome == RenewOutcome::asked);

    CHECK(world.run_until([&] { return world.all_live(); }, 1min));
}

TEST_CASE("commands: the wish for a renewal outlives a restart, and a plan knows of it") {
    World world;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 1min));
    world.ca.down = true;
    (void)world.reconciler->renew(renew("a.example"));
    world.run_for(1h);
    REQUIRE(world.ca.orders_made == 1);
    world.kill();

    const auto stored = world.store.certificates().value();
    const PlanLine line = plan(world.wanted, stored, {}, {}, world.clock.now()).certificates.at(0);
    CHECK(line.next_action == NextAction::renew);
    CHECK(line.next_at == world.clock.now());
    CHECK_THAT(line.why, ContainsSubstring("certs renew"));

    world.ca.down = false;
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.issued == 2; }, 1h));
    world.kill();
    world.start();
    world.run_for(24h);
    CHECK(world.ca.orders_made == 2);  // it came true once
}

TEST_CASE("commands: after a restart our own wait after a limit is not called the CA's") {
    World world;
    world.add({"a.example"});
    const acme::Failure limited =
        a_failure(acme::FailureClass::rate_limited,
                  "rateLimited",
                  "too many certificates (5) already issued for this exact set");
    world.ca.refuse = [limited](Step step, const std::vector<std::string>&) {
        return step == Step::place ? std::optional(limited) : std::nullopt;
    };
    world.start();
    REQUIRE(world.run_until([&] { return world.log.count("order_failed") == 3; }, 10h));
    world.ca.refuse = {};
    world.kill();
    world.start();
    world.run_for(1min);
    REQUIRE_FALSE(world.all_live());

    CHECK(world.reconciler->renew(renew("a.example")).at(0).outcome == RenewOutcome::asked);

    CHECK(world.run_until([&] { return world.all_live(); }, 1min));
}

TEST_CASE("commands: a wait that a release of before schema 1.2 stored is the CA's, as it was") {
    World world;
    world.add({"a.example"});
    store::CertificateRecord record;
    record.key = to_store(world.wanted.certificates.front().key);
    record.ordered_names = {"a.example"};
    record.attempts = 2;
    record.last_error = store::LastError{
        "urn:ietf:params:acme:error:rateLimited", "too many", world.clock.now() - 1h};
    record.next_at = world.clock.now() + 5h;
    record.asked_until = world.clock.now() - 2h;  // of this release, before that one ran
    world.store.apply({store::PutCertificate{record}}, world.executor, [](const auto&) {});
    world.executor.settle();
    world.start();
    world.run_for(1min);

    const auto lines = world.reconciler->renew(renew("a.example"));

    REQUIRE(lines.size() == 1);
    CHECK(lines[0].outcome == RenewOutcome::waits);
    CHECK(lines[0].until == record.next_at);
}

TEST_CASE("commands: the wish for a renewal stays with an order that goes on") {
    World world;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 1min));
    const auto old = world.store.find("a.example")->version_id;
    world.ca.polls_until_valid = 10;
    world.ca.retry_after = 10s;
    (void)world.reconciler->renew(renew("a.example"));
    REQUIRE(world.run_until([&] { return world.ca.orders_made == 2; }, 1min));
    world.run_for(15s);
    const auto certificates = std::exchange(world.wanted.certificates, {});
    world.want();
    world.run_for(1min);
    // Nobody but a person wants one that ends before the one that is served.
    world.ca.lifetime = days{30};
    world.wanted.certificates = certificates;
    world.want();

    REQUIRE(world.run_until([&] { return world.ca.issued == 2; }, 1h));
    world.run_for(1min);

    CHECK(world.ca.orders_made == 2);
    const auto stored = world.store.find("a.example");
    CHECK(stored->version_id != old);
    CHECK_FALSE(stored->record.renewal_asked.has_value());
}

TEST_CASE("commands: renew orders also when the clock was set back to before the last issue") {
    World world;
    world.ca.backdated = days{2};
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 1min));
    world.clock.set_wall(world.clock.now() - days{1});
    world.run_for(1min);
    REQUIRE(world.all_live());

    CHECK(world.reconciler->renew(renew("a.example")).at(0).outcome == RenewOutcome::asked);

    CHECK(world.run_until([&] { return world.ca.issued == 2; }, 10min));
    world.run_for(1h);
    CHECK(world.ca.orders_made == 2);
}

TEST_CASE("commands: renew probes a CA that is away at once") {
    World world;
    world.add({"a.example"});
    world.ca.down = true;
    world.start();
    world.run_for(3h);
    world.ca.down = false;

    CHECK(world.reconciler->renew(renew("a.example")).at(0).outcome == RenewOutcome::asked);

    CHECK(world.run_until([&] { return world.all_live(); }, 2s));
}

TEST_CASE("commands: renew of what goes on already, or nobody wants, says so") {
    World world;
    world.add({"a.example"});
    world.ca.polls_until_valid = 100;
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.orders_made == 1; }, 1min));
    CHECK(world.reconciler->renew(renew("a.example")).at(0).outcome == RenewOutcome::under_way);
    CHECK(world.reconciler->renew(renew("other.example")).empty());
    world.wanted.certificates.clear();
    world.want();

    const auto lines = world.reconciler->renew(renew("a.example"));

    CHECK(lines.at(0).outcome == RenewOutcome::refused);
    CHECK_THAT(lines.at(0).reason, ContainsSubstring("no router"));
}

TEST_CASE("commands: while the store takes nothing, renew changes nothing") {
    World world;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 1min));
    world.store.is_writable = false;

    const auto lines = world.reconciler->renew(renew("a.example"));

    CHECK(lines.at(0).outcome == RenewOutcome::refused);
    CHECK_THAT(lines.at(0).reason, ContainsSubstring("store"));
}

TEST_CASE("commands: an imported certificate is stored, served, and not ordered") {
    World world;
    world.add({"a.example", "b.example"});
    world.ca.down = true;
    world.start();
    world.run_for(1min);
    Issuer issuer;

    const auto lines =
        import_all(world, {pair(issuer, {"b.example", "a.example"}, world.clock.now())});

    REQUIRE(lines.size() == 1);
    CHECK(lines[0].outcome == ImportOutcome::imported);
    CHECK(world.live("a.example"));
    CHECK(world.store.find("a.example")->version->source == "import");
    world.ca.down = false;
    world.run_for(days{30});
    CHECK(world.ca.orders_made == 0);
    CHECK(world.run_until([&] { return world.ca.issued == 1; }, days{20}));
}

TEST_CASE("commands: an import ends a wish for a renewal, and no wait the CA asked for") {
    World world;
    world.add({"a.example"});
    const WallTime until = world.clock.now() + 20h;
    world.ca.refuse = [until](Step step, const std::vector<std::string>&) {
        return step == Step::place ? std::optional(refused_with_patience(until)) : std::nullopt;
    };
    world.start();
    REQUIRE(world.run_until([&] { return world.log.count("order_failed") == 1; }, 1h));
    (void)world.reconciler->renew(renew("a.example"));
    world.executor.settle();
    REQUIRE(world.store.find("a.example")->record.renewal_asked.has_value());
    Issuer issuer;

    import_all(world, {pair(issuer, {"a.example"}, world.clock.now())});

    CHECK_FALSE(world.store.find("a.example")->record.renewal_asked.has_value());
    for (int starts = 0; starts < 2; ++starts) {
        const auto lines = world.reconciler->renew(renew("a.example"));
        REQUIRE(lines.size() == 1);
        CHECK(lines[0].outcome == RenewOutcome::waits);
        CHECK(lines[0].until == until);
        world.run_for(1min);
        world.kill();
        world.start();
    }
    CHECK(world.ca.asked[Step::place] == 1);
}

TEST_CASE("commands: an import ends an order that would replace it") {
    World world;
    world.add({"a.example"});
    world.ca.polls_until_valid = 1'000;
    world.ca.retry_after = 10s;
    world.start();
    REQUIRE(world.run_until([&] { return !world.publisher->challenges.empty(); }, 1min));
    Issuer issuer;

    import_all(world, {pair(issuer, {"a.example"}, world.clock.now())});

    CHECK(world.live("a.example"));
    CHECK(world.publisher->challenges.empty());
    CHECK_FALSE(world.store.order_of("a.example").has_value());
    world.run_for(1h);
    CHECK(world.ca.issued == 0);
}

TEST_CASE("commands: an import gives the turn it takes away to whoever waits") {
    World world;
    world.ca.latency = 10s;
    world.add({"a.example"});
    world.add({"b.example"});
    world.start();
    // The first request after a start goes ahead of all others.
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::place] == 1; }, 5min));
    Issuer issuer;

    import_all(world, {pair(issuer, {"a.example"}, world.clock.now())});

    CHECK(world.live("a.example"));
    CHECK(world.run_until([&] { return world.live("b.example"); }, 1h));
}

TEST_CASE("commands: of several of the same names in one import the longest life wins") {
    World world;
    world.start();
    Issuer issuer;
    const auto now = world.clock.now();

    const auto lines = import_all(world,
                                  {pair(issuer, {"a.example"}, now - days{2}),
                                   pair(issuer, {"a.example"}, now),
                                   pair(issuer, {"a.example"}, now - days{1})});

    REQUIRE(lines.size() == 3);
    CHECK(lines[0].outcome == ImportOutcome::imported);
    CHECK(lines[1].outcome == ImportOutcome::imported);
    CHECK(lines[2].outcome == ImportOutcome::kept_stored);
    CHECK(world.store.find("a.example")->version->not_after == lines[1].not_after);
    CHECK(world.publisher->find("a.example")->entry->not_after == lines[1].not_after);
}

TEST_CASE("commands: an import does not undo what a reload changed meanwhile") {
    World world;
    world.ca.lifetime = days{10};
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 1min));
    const auto certificate = world.wanted.certificates;
    world.wanted.certificates.clear();
    world.want();
    world.run_for(1min);
    world.ca.down = true;
    Issuer issuer;
    std::size_t answered = 0;
    world.reconciler->import({directory, "le"},
                             {pair(issuer, {"a.example"}, world.clock.now())},
                             [&](const std::vector<ImportLine>&) { ++answered; });
    world.wanted.certificates = certificate;
    world.want();
    world.run_for(days{70});
    REQUIRE(answered == 1);
    world.wanted.certificates.clear();
    world.want();

    // It expired after 60 days, but was wanted until the 70th.
    world.run_for(days{25});

    CHECK(world.store.find("a.example").has_value());
}

TEST_CASE("commands: what a reload writes during an import brings no old failure back") {
    World world;
    world.ca.fails_validation = nothing_validates();
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until(
        [&] {
            const auto stored = world.store.find("a.example");
            return stored && stored->record.attempts > 0;
        },
        1h));
    Issuer issuer;
    std::size_t answered = 0;
    world.reconciler->import({directory, "le"},
                             {pair(issuer, {"a.example"}, world.clock.now())},
                             [&](const std::vector<ImportLine>&) { ++answered; });
    world.wanted.certificates.clear();
    world.want();
    REQUIRE(world.run_until([&] { return answered == 1; }, 1min));
    world.run_for(1min);

    const auto stored = world.store.find("a.example");

    CHECK(stored->version->source == "import");
    CHECK(stored->record.unwanted_since.has_value());
    CHECK(stored->record.attempts == 0);
    CHECK_FALSE(stored->record.next_at.has_value());
    CHECK_FALSE(stored->record.last_error.has_value());
}

TEST_CASE("commands: of an import that cannot be stored nothing stays, and its order goes on") {
    World world;
    world.add({"a.example"});
    world.ca.polls_until_valid = 3;
    world.ca.retry_after = 10s;
    world.start();
    REQUIRE(world.run_until([&] { return !world.publisher->challenges.empty(); }, 1min));
    world.store.refuse = [](const store::Transition& transition) {
        const auto* version =
            transition.size() == 4 ? std::get_if<store::PutVersion>(&transition[1]) : nullptr;
        const bool is_import = version != nullptr && version->facts.source == "import";
        return is_import ? std::optional(Error{Errc::full, Origin::internal, "no space left"})
                         : std::nullopt;
    };
    Issuer issuer;

    const auto lines = import_all(world, {pair(issuer, {"a.example"}, world.clock.now())});

    CHECK(lines[0].outcome == ImportOutcome::refused);
    CHECK_THAT(lines[0].message, ContainsSubstring("no space left"));
    CHECK_FALSE(world.live("a.example"));
    CHECK(world.run_until([&] { return world.ca.issued == 1; }, 10min));
    CHECK(world.ca.orders_made == 1);
}

TEST_CASE("commands: imports are answered line for line, refused ones too") {
    World world;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 1min));
    Issuer issuer;

    const auto lines = import_all(world,
                                  {{"broken", "no PEM", Secret{"no key"}},
                                   pair(issuer, {"unwanted.example"}, world.clock.now()),
                                   pair(issuer, {"a.example"}, world.clock.now())});

    REQUIRE(lines.size() == 3);
    CHECK(lines[0].outcome == ImportOutcome::refused);
    CHECK(lines[1].outcome == ImportOutcome::imported);
    CHECK(lines[2].outcome == ImportOutcome::kept_stored);
    CHECK(world.publisher->find("unwanted.example") != nullptr);
    CHECK(import_all(world, {}).empty());
}

TEST_CASE("commands: lines come in pages that together are everything once") {
    World world;
    for (int i = 0; i < 25; ++i) world.add({"n" + std::to_string(i) + ".example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 1min));
    world.wanted.certificates.pop_back();
    world.want();

    std::vector<std::string> seen;
    LineQuery query;
    query.limit = 10;
    for (int pages = 0; pages < 3; ++pages) {
        const LinePage page = world.reconciler->lines(query);
        for (const PlanLine& line : page.lines) seen.push_back(line.names.front());
        query.after = page.last;
        CHECK(page.last.has_value() == (pages < 2));
    }

    std::sort(seen.begin(), seen.end());
    CHECK(seen.size() == 25);
    CHECK(std::unique(seen.begin(), seen.end()) == seen.end());
    auto states = world.reconciler->states();
    CHECK(states[CertificateState::valid] == 24);
    CHECK(states[CertificateState::unwanted] == 1);
}

TEST_CASE("commands: a line tells the open order, its names and why it waits") {
    World world;
    world.add({"a.example"});
    world.add({"b.example"});
    world.ca.polls_until_valid = 1'000;
    world.ca.retry_after = 10s;
    world.start();
    REQUIRE(world.run_until([&] { return world.publisher->challenges.size() == 2; }, 1min));
    world.run_for(5s);
    LineQuery query;
    query.name = name("a.example");

    const LinePage page = world.reconciler->lines(query);

    REQUIRE(page.lines.size() == 1);
    const PlanLine& line = page.lines[0];
    CHECK(line.state == CertificateState::missing);
    CHECK(line.next_action == NextAction::continue_order);
    REQUIRE(line.open_order.has_value());
    CHECK(line.open_order->status == "pending");
    REQUIRE(line.open_order->names.size() == 1);
    CHECK(line.open_order->names[0].name == "a.example");
    CHECK(line.open_order->names[0].responded);
    CHECK_THAT(line.why, ContainsSubstring("order is open"));
}

TEST_CASE("commands: a CA that asks for patience is shown with its time and words") {
    World world;
    world.add({"a.example"});
    acme::Failure limited = a_failure(
        acme::FailureClass::rate_limited, "rateLimited", "too many new orders from this account");
    limited.retry_at = world.clock.now() + 3h;
    world.ca.refuse = [limited](Step step, const std::vector<std::string>&) {
        return step == Step::place ? std::optional(limited) : std::nullopt;
    };
    world.start();
    world.run_for(1min);

    const auto authorities = world.reconciler->authorities();
    REQUIRE(authorities.size() == 1);
    CHECK(authorities[0].state == "limited");
    CHECK(authorities[0].until == limited.retry_at);
    CHECK_THAT(authorities[0].reason, ContainsSubstring("too many new orders"));
    const auto waits = world.reconciler->renew(renew("a.example")).at(0);
    CHECK(waits.outcome == RenewOutcome::waits);
    CHECK(waits.until == limited.retry_at);
}

TEST_CASE("commands: each attempt is in the history with the CA's type and words") {
    World world;
    world.add({"a.example"});
    world.ca.fails_validation = nothing_validates();
    world.start();
    world.run_for(30min);

    const auto history =
        world.store.history(world.store.find("a.example")->record.key, 100).value();

    CHECK(history.size() == world.log.count("order_failed"));
    REQUIRE(history.size() >= 3);
    CHECK(history[0].event == "failed");
    CHECK_THAT(history[0].detail, ContainsSubstring("acme:error:dns: "));
    CHECK_THAT(history[0].detail, ContainsSubstring("NXDOMAIN"));
}

TEST_CASE("plan JSON: lines come back as they went") {
    World world;
    world.add({"a.example", "b.example"});
    world.add({"c.example"});
    world.ca.fails_validation = [](const std::string& asked) {
        return asked == "c.example" ? nothing_validates()(asked) : std::nullopt;
    };
    world.start();
    world.run_for(1min);
    const auto lines = world.reconciler->lines({}).lines;
    REQUIRE(lines.size() == 2);

    const auto back = parse_lines(lines_json(lines));

    REQUIRE(back.has_value());
    CHECK(lines_json(*back) == lines_json(lines));
    CHECK(back->at(0).names == lines[0].names);
    CHECK(back->at(1).last_error->type == lines[1].last_error->type);
    CHECK_FALSE(parse_lines("{").has_value());
    CHECK_FALSE(parse_lines(R"([{"names":["a"]}])").has_value());
}
