#include "acme/order.hpp"
#include "base/hostname.hpp"

#include <algorithm>

namespace mesh::acme {

namespace {

bool is_dead(AuthorizationStatus status) {
    switch (status) {
        case AuthorizationStatus::invalid:
        case AuthorizationStatus::deactivated:
        case AuthorizationStatus::expired:
        case AuthorizationStatus::revoked:
            return true;
        case AuthorizationStatus::pending:
        case AuthorizationStatus::valid:
        case AuthorizationStatus::unknown:
            break;
    }
    return false;
}

std::string_view word(AuthorizationStatus status) {
    switch (status) {
        case AuthorizationStatus::invalid:
            return "invalid";
        case AuthorizationStatus::deactivated:
            return "deactivated";
        case AuthorizationStatus::expired:
            return "expired";
        case AuthorizationStatus::revoked:
            return "revoked";
        case AuthorizationStatus::pending:
            return "pending";
        case AuthorizationStatus::valid:
            return "valid";
        case AuthorizationStatus::unknown:
            break;
    }
    return "unknown";
}

bool same_name(const std::string& left, const std::string& right) {
    const auto a = HostPattern::parse(left);
    const auto b = HostPattern::parse(right);
    return a && b ? *a == *b : left == right;
}

bool was_ordered(const OrderState& order, const std::string& name) {
    return std::any_of(order.names.begin(), order.names.end(), [&](const std::string& ordered) {
        return same_name(ordered, name);
    });
}

std::string death_of(const AuthorizationState& one) {
    return "the authorization of " + (one.name.empty() ? one.url : one.name) + " is " +
           std::string(word(one.status));
}

/// Why this name cannot get through, if so.
std::optional<std::string> obstacle(const OrderState& order, const AuthorizationState& one) {
    if (is_dead(one.status)) return death_of(one);
    if (one.name.empty()) return std::nullopt;
    if (!was_ordered(order, one.name)) {
        return "the CA wants an authorization for " + one.name + ", which was not ordered";
    }
    if (one.status == AuthorizationStatus::pending && one.challenge_url.empty()) {
        return "the CA offers no tls-alpn-01 challenge for " + one.name +
               (one.offered_types.empty() ? "" : " (it offers: " + one.offered_types + ")");
    }
    return std::nullopt;
}

/// The first authorization in need of something, as `needs` sees it.
template <class Needs>
std::optional<std::size_t> first(const OrderState& order, Needs needs) {
    for (std::size_t i = 0; i < order.authorizations.size(); ++i) {
        if (needs(order.authorizations[i], i)) return i;
    }
    return std::nullopt;
}

Action while_pending(const OrderState& order, const std::vector<bool>& presented) {
    using One = const AuthorizationState&;
    const auto pending = [](One one) { return one.status == AuthorizationStatus::pending; };
    for (std::size_t i = 0; i < order.authorizations.size(); ++i) {
        if (auto reason = obstacle(order, order.authorizations[i])) {
            return GiveUp{std::move(*reason), i};
        }
    }
    if (const auto i = first(order, [](One one, std::size_t) { return one.name.empty(); })) {
        return FetchAuthorization{*i};
    }
    // One the CA was told about before a restart is presented again: it may be on its way.
    if (const auto i = first(order, [&](One one, std::size_t index) {
            return pending(one) && !(index < presented.size() && presented[index]);
        })) {
        return Present{*i};
    }
    if (const auto i =
            first(order, [&](One one, std::size_t) { return pending(one) && !one.responded; })) {
        return Respond{*i};
    }
    if (const auto i = first(
            order, [](One one, std::size_t) { return one.status != AuthorizationStatus::valid; })) {
        return PollAuthorization{*i};
    }
    return PollOrder{};  // all valid, or none listed: the CA has not moved the order yet
}

Action when_ready(const OrderState& order) {
    // It may have been sent and lost its answer: only a fresh `ready` (see apply) permits another.
    if (order.finalized || order.finalize_url.empty()) return PollOrder{};
    if (order.key_pem.empty()) return MakeKey{};
    return Finalize{};
}

Action give_up_on_invalid(const OrderState& order) {
    const auto culprit = first(
        order, [](const AuthorizationState& one, std::size_t) { return is_dead(one.status); });
    if (!culprit) return GiveUp{"the CA declared the order invalid"};
    return GiveUp{death_of(order.authorizations[*culprit]), *culprit};
}

bool is_expired(const OrderState& order, std::optional<WallTime> now) {
    // While the certificate is being made, and after, only the CA knows.
    const bool open = order.status != OrderStatus::processing && order.status != OrderStatus::valid;
    return open && now && order.expires && *order.expires <= *now;
}

}  // namespace

Action next_action(const OrderState& order,
                   const std::vector<bool>& presented,
                   std::optional<WallTime> now) {
    if (order.url.empty()) return PlaceOrder{};
    if (order.status == OrderStatus::invalid) return give_up_on_invalid(order);
    if (is_expired(order, now)) return GiveUp{"the order expired"};
    switch (order.status) {
        case OrderStatus::pending:
            return while_pending(order, presented);
        case OrderStatus::ready:
            return when_ready(order);
        case OrderStatus::processing:
        case OrderStatus::valid:
            if (order.key_pem.empty()) {
                return GiveUp{"the CA made a certificate for a key that is not here any more"};
            }
            if (order.status == OrderStatus::processing || order.certificate_url.empty()) {
                return PollOrder{};
            }
            return Download{};
        case OrderStatus::invalid:
        case OrderStatus::unknown:
            break;
    }
    return PollOrder{};  // RFC 8555 may grow a status; what it leads to shows by itself
}

}  // namespace mesh::acme
