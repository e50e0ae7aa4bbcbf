#include "acme/order.hpp"

#include "base/hostname.hpp"

#include <algorithm>

namespace mesh::acme {

namespace {

/// "*.shop.example" for a wildcard authorization of "Shop.Example" (RFC 8555 §7.1.4).
std::string canonical_name(const AuthorizationResource& answer) {
    std::string name = answer.identifier;
    if (answer.wildcard && !name.starts_with("*.")) name.insert(0, "*.");
    const auto parsed = HostPattern::parse(name);
    return parsed ? parsed->text() : name;
}

std::string join(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

/// The CA may list authorizations in another order each time: what is known goes with the URL.
void merge(std::vector<AuthorizationState>& known, const std::vector<std::string>& urls) {
    std::vector<AuthorizationState> merged;
    for (const std::string& url : urls) {
        const auto has_url = [&](const AuthorizationState& one) { return one.url == url; };
        if (std::any_of(merged.begin(), merged.end(), has_url)) continue;
        const auto found = std::find_if(known.begin(), known.end(), has_url);
        if (found != known.end()) {
            merged.push_back(std::move(*found));
        } else {
            merged.emplace_back().url = url;
        }
    }
    known = std::move(merged);
}

bool same_urls(const std::vector<AuthorizationState>& known, const std::vector<std::string>& urls) {
    return std::all_of(urls.begin(), urls.end(), [&](const std::string& url) {
        return std::any_of(known.begin(), known.end(), [&](const AuthorizationState& one) {
            return one.url == url;
        });
    });
}

}  // namespace

void apply(OrderState& order, const OrderResource& answer) {
    if (order.url.empty()) order.url = answer.url;
    // The CA says `ready` when asked after a finalize that may have been lost: it was.
    if (answer.status == OrderStatus::ready) order.finalized = false;
    order.status = answer.status;
    if (!answer.finalize.empty()) order.finalize_url = answer.finalize;
    if (!answer.certificate.empty()) order.certificate_url = answer.certificate;
    if (answer.expires) order.expires = answer.expires;
    // Positions are kept while nothing new is listed, because callers hold indices.
    if (!answer.authorizations.empty() && !same_urls(order.authorizations, answer.authorizations)) {
        merge(order.authorizations, answer.authorizations);
    }
}

void apply(OrderState& order, std::size_t index, const AuthorizationResource& answer) {
    AuthorizationState& one = order.authorizations.at(index);
    one.name = canonical_name(answer);
    one.status = answer.status;
    one.challenge_url = answer.challenge_url.value_or("");
    one.token = answer.token;
    one.offered_types = join(answer.offered_types);
    if (answer.challenge_status == ChallengeStatus::processing ||
        answer.challenge_status == ChallengeStatus::valid) {
        one.responded = true;
    }
}

}  // namespace mesh::acme
