#include "control/order_row.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace mesh::control {
namespace {

using acme::AuthorizationStatus;
using acme::OrderStatus;

template <class Status, std::size_t N>
using Spelling = std::array<std::pair<Status, std::string_view>, N>;

constexpr Spelling<OrderStatus, 6> order_spelling{{
    {OrderStatus::pending, "pending"},
    {OrderStatus::ready, "ready"},
    {OrderStatus::processing, "processing"},
    {OrderStatus::valid, "valid"},
    {OrderStatus::invalid, "invalid"},
    {OrderStatus::unknown, "unknown"},
}};

constexpr Spelling<AuthorizationStatus, 7> authorization_spelling{{
    {AuthorizationStatus::pending, "pending"},
    {AuthorizationStatus::valid, "valid"},
    {AuthorizationStatus::invalid, "invalid"},
    {AuthorizationStatus::deactivated, "deactivated"},
    {AuthorizationStatus::expired, "expired"},
    {AuthorizationStatus::revoked, "revoked"},
    {AuthorizationStatus::unknown, "unknown"},
}};

template <class Status, std::size_t N>
std::string spell(const Spelling<Status, N>& spelling, Status status) {
    for (const auto& [value, text] : spelling)
        if (value == status) return std::string(text);
    return "unknown";
}

template <class Status, std::size_t N>
std::optional<Status> read(const Spelling<Status, N>& spelling, std::string_view text) {
    for (const auto& [value, spelt] : spelling)
        if (spelt == text) return value;
    return std::nullopt;
}

Error unknown_status(const std::string& status) {
    return {Errc::corrupt, Origin::internal, "a stored order has the unknown status " + status};
}

}  // namespace

store::OrderRecord to_row(const store::CertificateKey& key,
                          const acme::OrderState& order,
                          WallTime created) {
    store::OrderRecord row;
    row.key = key;
    row.names = order.names;
    row.profile = order.profile;
    row.url = order.url;
    row.status = spell(order_spelling, order.status);
    row.finalize_url = order.finalize_url;
    row.certificate_url = order.certificate_url;
    row.expires = order.expires;
    for (const acme::AuthorizationState& authorization : order.authorizations)
        row.authorizations.push_back({authorization.url,
                                      authorization.name,
                                      spell(authorization_spelling, authorization.status),
                                      authorization.challenge_url,
                                      authorization.token,
                                      authorization.responded});
    row.key_pem = order.key_pem;
    row.finalized = order.finalized;
    row.created = created;
    return row;
}

Result<acme::OrderState> from_row(const store::OrderRecord& row) {
    acme::OrderState order;
    order.names = row.names;
    order.profile = row.profile;
    order.url = row.url;
    const auto status = read(order_spelling, row.status);
    if (!status) return unknown_status(row.status);
    order.status = *status;
    order.finalize_url = row.finalize_url;
    order.certificate_url = row.certificate_url;
    order.expires = row.expires;
    for (const store::AuthorizationRecord& stored : row.authorizations) {
        const auto authorization_status = read(authorization_spelling, stored.status);
        if (!authorization_status) return unknown_status(stored.status);
        acme::AuthorizationState& authorization = order.authorizations.emplace_back();
        authorization.url = stored.url;
        authorization.name = stored.name;
        authorization.status = *authorization_status;
        authorization.challenge_url = stored.challenge_url;
        authorization.token = stored.token;
        authorization.responded = stored.responded;
    }
    order.key_pem = row.key_pem;
    order.finalized = row.finalized;
    return order;
}

bool same_row(const acme::OrderState& a, const acme::OrderState& b) {
    // offered_types is not part of the row: the CA lists challenges in random order.
    const auto same = [](const acme::AuthorizationState& x, const acme::AuthorizationState& y) {
        return x.url == y.url && x.name == y.name && x.status == y.status &&
               x.challenge_url == y.challenge_url && x.token == y.token &&
               x.responded == y.responded;
    };
    return a.names == b.names && a.profile == b.profile && a.url == b.url && a.status == b.status &&
           a.finalize_url == b.finalize_url && a.certificate_url == b.certificate_url &&
           a.expires == b.expires && a.key_pem == b.key_pem && a.finalized == b.finalized &&
           std::equal(a.authorizations.begin(),
                      a.authorizations.end(),
                      b.authorizations.begin(),
                      b.authorizations.end(),
                      same);
}

bool may_be_looked_at(const store::OrderRecord& row) {
    if (row.status != spell(order_spelling, OrderStatus::pending)) return false;
    return std::any_of(row.authorizations.begin(), row.authorizations.end(), [](const auto& one) {
        return one.responded &&
               one.status == spell(authorization_spelling, AuthorizationStatus::pending);
    });
}

}  // namespace mesh::control
