#include "store/crash_points.hpp"

#ifdef MESH_TEST_HOOKS

#include "base/crash_point.hpp"

#include <algorithm>

namespace mesh::store {
namespace {

/// How far an order is, from what its row holds.
std::string_view milestone(const OrderRecord& order) {
    if (order.url.empty()) return "order";
    if (!order.certificate_url.empty()) return "order-certificate-url";
    if (order.finalized) return "order-finalize";
    if (!order.key_pem.empty()) return "order-key";
    const auto any = [&order](auto is) {
        return std::any_of(order.authorizations.begin(), order.authorizations.end(), is);
    };
    if (any([](const AuthorizationRecord& one) { return one.responded; })) return "order-responded";
    if (any([](const AuthorizationRecord& one) { return !one.name.empty(); }))
        return "order-authorization";
    return "order-url";
}

/// What a change makes durable.
struct Milestone {
    std::string_view operator()(const PutAccount& put) const {
        return put.account.url.empty() ? "account-key" : "account-url";
    }
    std::string_view operator()(const PutAuthority&) const { return "authority"; }
    std::string_view operator()(const PutCertificate&) const { return "schedule"; }
    std::string_view operator()(const DeleteCertificate&) const { return "certificate-deleted"; }
    std::string_view operator()(const PutOrder& put) const { return milestone(put.order); }
    std::string_view operator()(const DeleteOrder&) const { return "order-deleted"; }
    std::string_view operator()(const PutVersion&) const { return "certificate"; }
    std::string_view operator()(const AddHistory&) const { return "history"; }
    std::string_view operator()(const PutConfiguration&) const { return "configuration"; }
    template <class Other>
    std::string_view operator()(const Other&) const {
        return "other";
    }
};

/// A transition is named after the weightiest of its changes.
std::string_view milestone(const Transition& transition) {
    std::string_view name = "nothing";
    for (const Change& change : transition) {
        if (std::holds_alternative<AddHistory>(change) && name != "nothing") continue;
        if (name == "certificate") continue;
        name = std::visit(Milestone{}, change);
    }
    return name;
}

}  // namespace

void pass_commit(std::string_view moment, const Transition& transition) {
    crash_point(moment, milestone(transition));
}

}  // namespace mesh::store

#endif
