// Every state of an order has exactly one continuation, also right after a restart.
#include "acme/order.hpp"
#include "fake_http.hpp"
#include "support/catch.hpp"

namespace mesh::acme {
namespace {

/// "Present 1", "GiveUp: reason".
std::string describe(const Action& action) {
    struct Describe {
        std::string operator()(PlaceOrder) const { return "PlaceOrder"; }
        std::string operator()(FetchAuthorization a) const { return with("Fetch", a.index); }
        std::string operator()(Present a) const { return with("Present", a.index); }
        std::string operator()(Respond a) const { return with("Respond", a.index); }
        std::string operator()(PollAuthorization a) const { return with("Poll", a.index); }
        std::string operator()(PollOrder) const { return "PollOrder"; }
        std::string operator()(MakeKey) const { return "MakeKey"; }
        std::string operator()(Finalize) const { return "Finalize"; }
        std::string operator()(Download) const { return "Download"; }
        std::string operator()(const GiveUp& a) const { return "GiveUp: " + a.reason; }
        static std::string with(const char* word, std::size_t index) {
            return std::string(word) + " " + std::to_string(index);
        }
    };
    return std::visit(Describe{}, action);
}

AuthorizationState authorization(const std::string& name, AuthorizationStatus status) {
    AuthorizationState one;
    one.url = "https://ca.example/authz/" + name;
    one.name = name;
    one.status = status;
    one.challenge_url = "https://ca.example/challenge/" + name;
    one.token = "token";
    return one;
}

OrderState placed(OrderStatus status) {
    OrderState order;
    order.names = {"a.example", "b.example"};
    order.url = "https://ca.example/order/1";
    order.finalize_url = "https://ca.example/finalize/1";
    order.status = status;
    order.authorizations = {authorization("a.example", AuthorizationStatus::valid),
                            authorization("b.example", AuthorizationStatus::valid)};
    return order;
}

OrderState pending() {
    OrderState order = placed(OrderStatus::pending);
    for (auto& one : order.authorizations) one.status = AuthorizationStatus::pending;
    return order;
}

std::string next(const OrderState& order, std::vector<bool> presented = {}) {
    return describe(next_action(order, presented));
}

TEST_CASE("next action: an order that was not answered is placed") {
    OrderState order;
    order.names = {"a.example"};
    CHECK(next(order) == "PlaceOrder");
}

TEST_CASE("next action: the way of an order, all names side by side") {
    OrderState order = pending();
    for (auto& one : order.authorizations) one.name.clear();
    CHECK(next(order) == "Fetch 0");
    order.authorizations[0].name = "a.example";
    CHECK(next(order) == "Fetch 1");
    order.authorizations[1].name = "b.example";
    CHECK(next(order) == "Present 0");
    CHECK(next(order, {true}) == "Present 1");
    CHECK(next(order, {true, true}) == "Respond 0");
    order.authorizations[0].responded = true;
    CHECK(next(order, {true, true}) == "Respond 1");
    order.authorizations[1].responded = true;
    CHECK(next(order, {true, true}) == "Poll 0");
    order.authorizations[0].status = AuthorizationStatus::valid;
    CHECK(next(order, {true, true}) == "Poll 1");
    order.authorizations[1].status = AuthorizationStatus::valid;
    CHECK(next(order, {true, true}) == "PollOrder");
    order.status = OrderStatus::ready;
    CHECK(next(order) == "MakeKey");
    order.key_pem = Secret("key");
    CHECK(next(order) == "Finalize");
    order.finalized = true;
    order.status = OrderStatus::processing;
    CHECK(next(order) == "PollOrder");
    order.status = OrderStatus::valid;
    CHECK(next(order) == "PollOrder");  // no URL yet
    order.certificate_url = "https://ca.example/cert/1";
    CHECK(next(order) == "Download");
}

TEST_CASE("next action: authorizations the CA knows from before are skipped") {
    OrderState order = pending();
    order.authorizations[0].status = AuthorizationStatus::valid;
    order.authorizations[0].challenge_url.clear();
    CHECK(next(order) == "Present 1");
    CHECK(next(placed(OrderStatus::ready)) == "MakeKey");
    CHECK(next(placed(OrderStatus::pending)) == "PollOrder");
}

TEST_CASE("next action: after a restart a challenge is presented again before anything else") {
    OrderState order = pending();
    for (auto& one : order.authorizations) one.responded = true;
    CHECK(next(order) == "Present 0");
    CHECK(next(order, {true, true}) == "Poll 0");
}

TEST_CASE("next action: each way a name can fail gives up and says which") {
    struct Case {
        AuthorizationStatus status;
        std::string word;
    };
    for (const Case& one : {Case{AuthorizationStatus::invalid, "invalid"},
                            Case{AuthorizationStatus::deactivated, "deactivated"},
                            Case{AuthorizationStatus::expired, "expired"},
                            Case{AuthorizationStatus::revoked, "revoked"}}) {
        OrderState order = pending();
        order.authorizations[1].status = one.status;
        const Action action = next_action(order, {});
        CHECK(describe(action) == "GiveUp: the authorization of b.example is " + one.word);
        CHECK(std::get<GiveUp>(action).index == 1);
    }
}

TEST_CASE("next action: an unknown status is one more reason to poll") {
    OrderState order = pending();
    for (auto& one : order.authorizations) one.status = AuthorizationStatus::unknown;
    CHECK(next(order) == "Poll 0");
    CHECK(next(placed(OrderStatus::unknown)) == "PollOrder");
}

TEST_CASE("next action: no tls-alpn-01 challenge offered") {
    OrderState order = pending();
    order.authorizations[1].challenge_url.clear();
    order.authorizations[1].offered_types = "dns-01, http-01";
    const Action action = next_action(order, {});
    CHECK(describe(action) ==
          "GiveUp: the CA offers no tls-alpn-01 challenge for b.example (it offers: dns-01, "
          "http-01)");
    CHECK(std::get<GiveUp>(action).index == 1);
}

TEST_CASE("next action: names are compared in their canonical spelling") {
    OrderState order = pending();
    order.names = {"A.Example.", "b.example"};
    CHECK(next(order) == "Present 0");
    order.authorizations[1].name = "*.b.example";
    CHECK(next(order) ==
          "GiveUp: the CA wants an authorization for *.b.example, which was not ordered");
    order.names = {"a.example", "*.B.example"};
    CHECK(next(order) == "Present 0");
}

TEST_CASE("next action: a finalize that may have been sent is not sent again blindly") {
    OrderState order = placed(OrderStatus::ready);
    order.key_pem = Secret("key");
    order.finalized = true;
    CHECK(next(order) == "PollOrder");

    SECTION("the CA says it never came") {
        OrderResource answer;
        answer.status = OrderStatus::ready;
        apply(order, answer);
        CHECK(next(order) == "Finalize");
    }
    SECTION("the CA is at it") {
        OrderResource answer;
        answer.status = OrderStatus::processing;
        apply(order, answer);
        CHECK(order.finalized);
        CHECK(next(order) == "PollOrder");
    }
    SECTION("the CA is done") {
        OrderResource answer;
        answer.status = OrderStatus::valid;
        answer.certificate = "https://ca.example/cert/1";
        apply(order, answer);
        CHECK(next(order) == "Download");
    }
}

TEST_CASE("next action: a certificate for a key nobody has is of no use") {
    for (const OrderStatus status : {OrderStatus::valid, OrderStatus::processing}) {
        OrderState order = placed(status);
        order.certificate_url = "https://ca.example/cert/1";
        CHECK(next(order) ==
              "GiveUp: the CA made a certificate for a key that is not here any more");
    }
}

TEST_CASE("next action: an invalid order names the culprit, if one is known") {
    OrderState order = placed(OrderStatus::invalid);
    CHECK(next(order) == "GiveUp: the CA declared the order invalid");
    order.authorizations[0].status = AuthorizationStatus::invalid;
    CHECK(next(order) == "GiveUp: the authorization of a.example is invalid");
    // Also when the failed name is one nobody has looked at by its name.
    order.authorizations[0].name.clear();
    CHECK(next(order) ==
          "GiveUp: the authorization of https://ca.example/authz/a.example is invalid");
}

TEST_CASE("next action: an order past its time is given up, unless the certificate is coming") {
    const WallTime now = test::noon();
    for (const OrderStatus status :
         {OrderStatus::pending, OrderStatus::ready, OrderStatus::unknown}) {
        OrderState order = placed(status);
        order.expires = now;
        CHECK(describe(next_action(order, {}, now)) == "GiveUp: the order expired");
        order.expires = now + std::chrono::seconds{1};
        CHECK(describe(next_action(order, {}, now)) != "GiveUp: the order expired");
    }
    OrderState order = placed(OrderStatus::processing);
    order.key_pem = Secret("key");
    order.expires = now;
    CHECK(describe(next_action(order, {}, now)) == "PollOrder");
}

TEST_CASE("next action: an order without a place to finalize is asked again") {
    OrderState order = placed(OrderStatus::ready);
    order.finalize_url.clear();
    CHECK(next(order) == "PollOrder");
    order = placed(OrderStatus::pending);
    order.authorizations.clear();
    CHECK(next(order) == "PollOrder");
}

TEST_CASE("next action: every combination of what can be stored has a continuation") {
    int combinations = 0;
    for (int status = 0; status <= static_cast<int>(OrderStatus::unknown); ++status) {
        for (int one = 0; one <= static_cast<int>(AuthorizationStatus::unknown); ++one) {
            for (int bits = 0; bits < 128; ++bits) {
                OrderState order = placed(static_cast<OrderStatus>(status));
                auto& first = order.authorizations[0];
                first.status = static_cast<AuthorizationStatus>(one);
                if (bits & 1) first.responded = true;
                if (bits & 2) first.name.clear();
                if (bits & 4) order.key_pem = Secret("key");
                if (bits & 8) order.finalized = true;
                if (bits & 16) order.certificate_url = "https://ca.example/cert/1";
                if (bits & 32) first.challenge_url.clear();
                const std::vector<bool> presented{(bits & 64) != 0, true};
                const std::string action = next(order, presented);
                CAPTURE(status, one, bits, action);
                ++combinations;
                // The rules that matter most, whatever else is stored.
                if (action == "Finalize") {
                    CHECK(order.status == OrderStatus::ready);
                    CHECK_FALSE(order.finalized);
                    CHECK_FALSE(order.key_pem.empty());
                }
                if (action == "MakeKey") CHECK(order.key_pem.empty());
                if (action == "Download") CHECK_FALSE(order.key_pem.empty());
                if (action == "Respond 0") {
                    CHECK(presented[0]);
                    CHECK_FALSE(first.responded);
                }
            }
        }
    }
    CHECK(combinations == 6 * 7 * 128);
}

}  // namespace
}  // namespace mesh::acme
