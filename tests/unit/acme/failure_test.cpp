// Which class each problem belongs to: the table of docs/acme-errors.md.
#include "acme/failure.hpp"

#include "support/catch.hpp"

namespace mesh::acme {
namespace {

struct FailureCase {
    Step step;
    int status;
    std::string type;
    FailureClass kind;
};

TEST_CASE("failure classes: every type of RFC 8555, by what was asked") {
    using F = FailureClass;
    const std::vector<FailureCase> cases{
        {Step::new_order, 429, "rateLimited", F::rate_limited},
        {Step::new_order, 503, "rateLimited", F::rate_limited},
        {Step::new_order, 429, "", F::rate_limited},
        {Step::new_account, 429, "malformed", F::rate_limited},
        {Step::new_order, 500, "serverInternal", F::unreachable},
        {Step::new_order, 400, "serverInternal", F::unreachable},
        {Step::new_order, 400, "badNonce", F::unreachable},
        {Step::new_order, 502, "", F::unreachable},
        {Step::new_order, 400, "", F::unreachable},
        {Step::new_order, 302, "", F::unreachable},
        {Step::new_order, 404, "", F::unreachable},
        {Step::order, 502, "malformed", F::unreachable},
        {Step::order, 408, "malformed", F::unreachable},
        {Step::authorization, 400, "dns", F::name},
        {Step::authorization, 400, "connection", F::name},
        {Step::authorization, 400, "tls", F::name},
        {Step::authorization, 403, "incorrectResponse", F::name},
        {Step::finalize, 403, "caa", F::name},
        {Step::new_order, 400, "rejectedIdentifier", F::name},
        {Step::new_order, 400, "unsupportedIdentifier", F::name},
        {Step::new_order, 400, "compound", F::name},
        {Step::finalize, 403, "unauthorized", F::name},
        {Step::new_account, 403, "unauthorized", F::account_stopped},
        {Step::new_order, 401, "unauthorized", F::account_stopped},
        {Step::order, 403, "unauthorized", F::order_gone},
        {Step::authorization, 403, "unauthorized", F::order_gone},
        {Step::challenge, 403, "unauthorized", F::name},
        {Step::certificate, 403, "unauthorized", F::order_gone},
        {Step::new_account, 403, "externalAccountRequired", F::config},
        {Step::new_account, 400, "invalidContact", F::config},
        {Step::new_account, 400, "unsupportedContact", F::config},
        {Step::new_order, 400, "invalidProfile", F::config},
        {Step::finalize, 400, "badCSR", F::config},
        {Step::finalize, 400, "badPublicKey", F::config},
        {Step::new_account, 400, "badSignatureAlgorithm", F::config},
        {Step::new_order, 400, "accountDoesNotExist", F::account_gone},
        {Step::order, 404, "accountDoesNotExist", F::account_gone},
        {Step::new_order, 403, "userActionRequired", F::account_stopped},
        {Step::finalize, 403, "orderNotReady", F::order_not_ready},
        {Step::order, 404, "malformed", F::order_gone},
        {Step::authorization, 404, "", F::order_gone},
        {Step::finalize, 410, "", F::order_gone},
        {Step::new_order, 404, "malformed", F::protocol},
        {Step::new_order, 400, "malformed", F::protocol},
        {Step::new_order, 409, "alreadyReplaced", F::protocol},
        {Step::new_order, 400, "somethingFromTheFuture", F::protocol},
        {Step::new_order, 500, "somethingFromTheFuture", F::unreachable},
    };
    for (const FailureCase& one : cases) {
        CAPTURE(to_string(one.step), one.status, one.type);
        Problem problem;
        problem.status = one.status;
        if (!one.type.empty()) problem.type = "urn:ietf:params:acme:error:" + one.type;
        CHECK(classify(one.step, problem) == one.kind);
    }
}

TEST_CASE("failure classes: a type of another vocabulary is judged by its status") {
    Problem problem;
    problem.type = "https://ca.example/problems/rateLimited";
    problem.status = 400;
    CHECK(classify(Step::new_order, problem) == FailureClass::protocol);
    problem.type = "about:blank";
    problem.status = 503;
    CHECK(classify(Step::new_order, problem) == FailureClass::unreachable);
}

TEST_CASE("failure classes: a trust file that cannot be read is no affair of a certificate") {
    const Error unreadable{Errc::io, Origin::config, "caCertificates: ca.pem: permission denied"};
    const Failure failure = no_answer({Step::new_order, "https://ca.example/order"}, unreadable);

    CHECK(failure.kind == FailureClass::unreachable);
    CHECK(failure.message == "newOrder: caCertificates: ca.pem: permission denied");
}

}  // namespace
}  // namespace mesh::acme
