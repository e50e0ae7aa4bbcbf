// The client against a real CA: Pebble, started by with_pebble.py, which refuses a part of all
// nonces. Everything is real here: HTTPS, keys, the TLS-ALPN-01 validation, the chain.
#include "acme/client.hpp"
#include "acme/order.hpp"
#include "alpn_responder.hpp"
#include "base/task_loop.hpp"
#include "support/catch.hpp"
#include "tls/certificate.hpp"

#include <cstdlib>
#include <future>
#include <thread>

namespace mesh::acme {
namespace {

using std::chrono::milliseconds;

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr) throw std::runtime_error(std::string(name) + " is not set");
    return value;
}

/// A client of the Pebble under test with the thread its handlers run on.
class Desk {
 public:
    Desk() : http_(http::make_curl_client("mesh/test (tests)")) {
        ClientSettings settings;
        settings.directory_url = environment("PEBBLE_DIRECTORY");
        settings.trust = {false, {environment("PEBBLE_CA_FILE")}};
        client_ = make_client(std::move(settings), *http_, loop_, clock_, log_);
        thread_ = std::thread([this] { loop_.run(); });
    }
    ~Desk() {
        // The client belongs to the loop's thread.
        loop_.post([this] {
            client_.reset();
            loop_.stop();
        });
        thread_.join();
    }
    Desk(const Desk&) = delete;
    Desk& operator=(const Desk&) = delete;

    /// Asks on the loop's thread and waits here.
    template <class T>
    Outcome<T> ask(std::function<void(Client&, Handler<T>)> start) {
        auto promise = std::make_shared<std::promise<Outcome<T>>>();
        auto future = promise->get_future();
        loop_.post([this, start, promise] {
            start(*client_, [promise](Outcome<T> outcome) { promise->set_value(outcome); });
        });
        if (future.wait_for(std::chrono::seconds{60}) != std::future_status::ready) {
            throw std::runtime_error("no answer within a minute");
        }
        return future.get();
    }

    Outcome<AccountResource> new_account(const tls::PrivateKey& key) {
        return ask<AccountResource>(
            [=](Client& client, auto done) { client.new_account(key, "admin@example.com", done); });
    }

    SystemClock clock_;

 private:
    NullLog log_;
    TaskLoop loop_;
    std::unique_ptr<http::Client> http_;
    std::unique_ptr<Client> client_;
    std::thread thread_;
};

/// What control does for one certificate, without store and schedule: one action after the other.
class Journey {
 public:
    Journey(Desk& desk, Account account, test::AlpnResponder& responder, OrderState order)
        : desk_(desk),
          account_(std::move(account)),
          responder_(responder),
          order_(std::move(order)) {}

    /// True when the certificate is there or `enough` says to stop; false when given up.
    bool travel(const std::function<bool(const Action&)>& enough = {}) {
        for (int steps = 0; steps < 200; ++steps) {
            const Action action = next_action(order_, presented_, desk_.clock_.now());
            if (enough && enough(action)) return true;
            if (const auto* over = std::get_if<GiveUp>(&action)) {
                reason_ = over->reason;
                return false;
            }
            std::visit([this](const auto& step) { take(step); }, action);
            if (chain_) return true;
        }
        return false;
    }
    [[nodiscard]] const OrderState& order() const { return order_; }
    [[nodiscard]] const std::optional<DownloadedChain>& chain() const { return chain_; }
    [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
    template <class T>
    T must(Outcome<T> outcome) {
        if (!outcome) throw std::runtime_error(outcome.error().message);
        return std::move(*outcome);
    }
    void wait_until(std::optional<WallTime> at) {
        const auto until = at.value_or(desk_.clock_.now() + milliseconds{50});
        std::this_thread::sleep_until(until);
    }

    void take(PlaceOrder) {
        std::vector<HostPattern> names;
        for (const auto& name : order_.names) names.push_back(HostPattern::parse(name).value());
        apply(order_, must(desk_.ask<OrderResource>([&](Client& client, auto done) {
                  client.new_order(account_, names, order_.profile, done);
              })));
    }
    void take(FetchAuthorization step) { poll(step.index); }
    void take(PollAuthorization step) { wait_until(poll(step.index)); }
    std::optional<WallTime> poll(std::size_t index) {
        const auto answer = must(desk_.ask<AuthorizationResource>([&](Client& client, auto done) {
            client.fetch_authorization(account_, order_.authorizations.at(index).url, done);
        }));
        apply(order_, index, answer);
        return answer.status == AuthorizationStatus::valid ? desk_.clock_.now() : answer.retry_at;
    }
    void take(Present step) {
        const AuthorizationState& one = order_.authorizations.at(step.index);
        const auto text = key_authorization(one.token, account_.key).value();
        const auto name = Hostname::parse(one.name).value();
        responder_.present(one.name,
                           tls::make_challenge_credential(name, text, desk_.clock_.now()).value());
        presented_.resize(order_.authorizations.size());
        presented_[step.index] = true;
    }
    void take(Respond step) {
        AuthorizationState& one = order_.authorizations.at(step.index);
        must(desk_.ask<std::optional<WallTime>>(
            [&](Client& client, auto done) { client.respond(account_, one.challenge_url, done); }));
        one.responded = true;
    }
    void take(PollOrder) {
        const auto answer = must(desk_.ask<OrderResource>(
            [&](Client& client, auto done) { client.fetch_order(account_, order_.url, done); }));
        apply(order_, answer);
        if (order_.status == OrderStatus::processing) wait_until(answer.retry_at);
    }
    void take(MakeKey) {
        order_.key_pem = tls::PrivateKey::generate(tls::KeyType::ec256).value().to_pem();
    }
    void take(Finalize) {
        std::vector<HostPattern> names;
        for (const auto& name : order_.names) names.push_back(HostPattern::parse(name).value());
        const auto key = tls::PrivateKey::from_pem(order_.key_pem.reveal()).value();
        const Bytes csr = tls::make_csr(key, names).value();
        order_.finalized = true;
        apply(order_, must(desk_.ask<OrderResource>([&](Client& client, auto done) {
                  client.finalize(account_, order_.finalize_url, csr, done);
              })));
    }
    void take(Download) {
        chain_ = must(desk_.ask<DownloadedChain>([&](Client& client, auto done) {
            client.download(account_, order_.certificate_url, done);
        }));
    }
    void take(const GiveUp&) {}

    Desk& desk_;
    Account account_;
    test::AlpnResponder& responder_;
    OrderState order_;
    std::vector<bool> presented_;
    std::optional<DownloadedChain> chain_;
    std::string reason_;
};

Account registered(Desk& desk) {
    const auto key = tls::PrivateKey::generate(tls::KeyType::ec256).value();
    const auto account = desk.new_account(key);
    INFO((account ? std::string() : account.error().message));
    REQUIRE(account.has_value());
    return {key, account->url};
}

OrderState wanted(std::vector<std::string> names) {
    OrderState order;
    order.names = std::move(names);
    return order;
}

void check_chain(const Journey& journey) {
    REQUIRE(journey.chain());
    const auto credential =
        tls::Credential::from_pem(journey.chain()->pem, journey.order().key_pem.reveal());
    REQUIRE(credential.has_value());
    std::vector<HostPattern> names;
    for (const auto& name : journey.order().names) {
        names.push_back(HostPattern::parse(name).value());
    }
    const Status proven = tls::prove(**credential, names, SystemClock().now());
    INFO((proven ? std::string() : proven.error().message));
    CHECK(proven.has_value());
}

test::AlpnResponder& responder() {
    static test::AlpnResponder one(environment("PEBBLE_ADDRESS"),
                                   std::stoi(environment("PEBBLE_TLS_ALPN_PORT")));
    return one;
}

TEST_CASE("pebble: orders of several names become certificates that are proven") {
    Desk desk;
    const Account account = registered(desk);
    for (int round = 0; round < 5; ++round) {
        const std::string shop = "shop" + std::to_string(round) + ".example";
        Journey journey(desk, account, responder(), wanted({shop, "www." + shop, "a." + shop}));
        const bool arrived = journey.travel();
        INFO(journey.reason());
        REQUIRE(arrived);
        check_chain(journey);
        CHECK(journey.chain()->alternates.size() ==
              std::stoul(environment("PEBBLE_ALTERNATE_ROOTS")));
    }
}

TEST_CASE("pebble: the same key gives the same account, with a new client as well") {
    const auto key = tls::PrivateKey::generate(tls::KeyType::ec256).value();
    std::string url;
    {
        Desk desk;
        url = desk.new_account(key)->url;
    }
    Desk desk;
    CHECK(desk.new_account(key)->url == url);
}

TEST_CASE("pebble: an order goes on after a restart at any step") {
    const std::vector<std::function<bool(const Action&)>> stops{
        [](const Action& action) { return std::holds_alternative<FetchAuthorization>(action); },
        [](const Action& action) { return std::holds_alternative<Present>(action); },
        [](const Action& action) { return std::holds_alternative<Respond>(action); },
        [](const Action& action) { return std::holds_alternative<PollAuthorization>(action); },
        [](const Action& action) { return std::holds_alternative<MakeKey>(action); },
        [](const Action& action) { return std::holds_alternative<Finalize>(action); },
        [](const Action& action) { return std::holds_alternative<Download>(action); },
    };
    Account account = [] {
        Desk desk;
        return registered(desk);
    }();
    for (std::size_t i = 0; i < stops.size(); ++i) {
        CAPTURE(i);
        OrderState stored = wanted({"restart" + std::to_string(i) + ".example"});
        {
            Desk desk;
            Journey journey(desk, account, responder(), stored);
            REQUIRE(journey.travel(stops[i]));
            stored = journey.order();
        }
        const std::string url = stored.url;
        Desk desk;
        Journey journey(desk, account, responder(), stored);
        const bool arrived = journey.travel();
        INFO(journey.reason());
        REQUIRE(arrived);
        CHECK(journey.order().url == url);
        check_chain(journey);
    }
}

TEST_CASE("pebble: an answer to a challenge that was not written down is given again") {
    Desk desk;
    const Account account = registered(desk);
    Journey journey(desk, account, responder(), wanted({"twice.example"}));
    REQUIRE(journey.travel([](const Action& action) {
        return std::holds_alternative<PollOrder>(action) || std::holds_alternative<MakeKey>(action);
    }));
    const std::string challenge = journey.order().authorizations.at(0).challenge_url;
    const auto again = desk.ask<std::optional<WallTime>>(
        [&](Client& client, auto done) { client.respond(account, challenge, done); });
    INFO((again ? std::string() : again.error().message));
    CHECK(again.has_value());
}

TEST_CASE("pebble: a finalize whose answer was lost is not sent twice") {
    Desk desk;
    const Account account = registered(desk);
    Journey journey(desk, account, responder(), wanted({"lost.example"}));
    REQUIRE(journey.travel(
        [](const Action& action) { return std::holds_alternative<Finalize>(action); }));
    OrderState stored = journey.order();
    SECTION("it never arrived") {}
    SECTION("it arrived") {
        const auto key = tls::PrivateKey::from_pem(stored.key_pem.reveal()).value();
        const Bytes csr = tls::make_csr(key, {HostPattern::parse("lost.example").value()}).value();
        REQUIRE(desk.ask<OrderResource>([&](Client& client, auto done) {
                        client.finalize(account, stored.finalize_url, csr, done);
                    })
                    .has_value());
    }
    stored.finalized = true;
    Journey onward(desk, account, responder(), stored);
    REQUIRE(onward.travel());
    check_chain(onward);
}

TEST_CASE("pebble: a name that cannot be validated fails with the CA's words") {
    Desk desk;
    const Account account = registered(desk);
    responder().forget("nobody.example");
    OrderState order = wanted({"nobody.example"});
    Journey journey(desk, account, responder(), order);
    REQUIRE(journey.travel(
        [](const Action& action) { return std::holds_alternative<Respond>(action); }));
    responder().forget("nobody.example");
    CHECK_FALSE(journey.travel());
    CHECK(journey.reason() == "the authorization of nobody.example is invalid");
    const auto authorization = desk.ask<AuthorizationResource>([&](Client& client, auto done) {
        client.fetch_authorization(account, journey.order().authorizations.at(0).url, done);
    });
    REQUIRE(authorization.has_value());
    REQUIRE(authorization->error);
    CHECK_FALSE(authorization->error->detail.empty());
}

TEST_CASE("pebble: what it refuses comes back in the right class") {
    Desk desk;
    const Account account = registered(desk);
    const auto order_failure =
        [&](const Account& as, const std::string& name, const std::string& profile) {
            const auto outcome = desk.ask<OrderResource>([&](Client& client, auto done) {
                client.new_order(as, {HostPattern::parse(name).value()}, profile, done);
            });
            REQUIRE_FALSE(outcome.has_value());
            return outcome.error();
        };
    const Failure blocked = order_failure(account, "blocked.example", "");
    CHECK(blocked.kind == FailureClass::name);
    CHECK_THAT(blocked.message, ContainsSubstring("blocked.example"));

    Account unknown = account;
    unknown.url += "7";
    CHECK(order_failure(unknown, "shop.example", "").kind == FailureClass::account_gone);
    CHECK(order_failure(account, "shop.example", "no-such-profile").kind == FailureClass::config);

    const auto gone = desk.ask<OrderResource>([&](Client& client, auto done) {
        std::string url = account.url;
        url.replace(url.rfind('/', url.rfind('/') - 1), std::string::npos, "/my-order/unknown");
        client.fetch_order(account, url, done);
    });
    REQUIRE_FALSE(gone.has_value());
    CHECK(gone.error().kind == FailureClass::order_gone);
}

}  // namespace
}  // namespace mesh::acme
