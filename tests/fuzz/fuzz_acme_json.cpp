// Whatever a CA answers: every reader keeps its bounds, and an order made of it has a next action.
#include "acme/link.hpp"
#include "acme/order.hpp"
#include "acme/resources.hpp"
#include "acme/retry_after.hpp"
#include "base/time_text.hpp"
#include "fuzz/fuzz.hpp"

#include <algorithm>
#include <string>
#include <variant>

namespace {

using mesh::fuzz::require;
using namespace mesh::acme;

const std::string base = "https://ca.example/acme/dir";

void check_url(const std::string& url, bool may_be_empty = false) {
    if (url.empty())
        require(may_be_empty);
    else
        require(url.starts_with("https://") && url.size() <= 4096);
}

void check_problem(const Problem& problem) {
    require(problem.subproblems.size() <= 100);
    require(problem.raw.size() <= 4096 && problem.detail.size() <= 4096);
    require(!problem.text().empty());
    require(problem.name().size() <= problem.type.size());
}

void check_directory(std::string_view body) {
    const auto directory = read_directory(body, base);
    if (!directory) return;
    check_url(directory->new_nonce);
    check_url(directory->new_account);
    check_url(directory->new_order);
    check_url(directory->renewal_info, true);
    require(directory->profiles.size() <= 64);
}

void check_authorization(const AuthorizationResource& authorization) {
    require(!authorization.identifier.empty());
    require(authorization.offered_types.size() <= 32);
    if (authorization.challenge_url) {
        check_url(*authorization.challenge_url);
        require(!authorization.token.empty() && authorization.token.size() <= 512);
        require(authorization.token.find_first_of("./+= \"\\") == std::string::npos);
    }
    if (authorization.error) check_problem(*authorization.error);
}

/// An order that got these answers, in any state, always has exactly one continuation.
void check_order(const OrderResource& resource, std::string_view body) {
    require(resource.authorizations.size() <= 1000);
    for (const std::string& url : resource.authorizations) check_url(url);
    check_url(resource.finalize, true);
    check_url(resource.certificate, true);
    if (resource.error) check_problem(*resource.error);

    OrderState order;
    order.names = {"shop.example", "www.shop.example"};
    order.url = "https://ca.example/acme/order/1";
    apply(order, resource);
    require(order.authorizations.size() <= resource.authorizations.size());
    const auto authorization = read_authorization(body, base);
    if (authorization)
        for (std::size_t i = 0; i < order.authorizations.size(); ++i)
            apply(order, i, *authorization);
    const std::vector<bool> presented(order.authorizations.size(), true);
    for (const auto& published : {std::vector<bool>{}, presented}) {
        const Action action = next_action(order, published, mesh::WallTime{});
        if (const auto* const fetch = std::get_if<FetchAuthorization>(&action))
            require(fetch->index < order.authorizations.size());
        if (const auto* const stop = std::get_if<GiveUp>(&action)) require(!stop->reason.empty());
    }
}

void check_headers(std::string_view text) {
    const mesh::WallTime now{std::chrono::hours{500'000}};
    const auto after = read_retry_after(text, std::nullopt, now);
    if (after.at) require(*after.at > now && *after.at <= now + std::chrono::hours{24});

    mesh::http::Response response;
    response.headers.emplace_back("Link", std::string(text));
    const auto found = links(response, "alternate", base);
    require(found.size() <= 16);
    for (const std::string& url : found) check_url(url);

    if (const auto time = mesh::parse_rfc3339(text)) require(!mesh::rfc3339_ms(*time).empty());
    (void)mesh::parse_http_date(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view body = mesh::fuzz::text(data, size);
    check_directory(body);
    check_problem(read_problem(400, body));
    (void)read_account_status(body);
    (void)read_challenge_status(body);
    if (const auto authorization = read_authorization(body, base))
        check_authorization(*authorization);
    if (const auto order = read_order(body, base)) check_order(*order, body);
    check_headers(body);
    return 0;
}
