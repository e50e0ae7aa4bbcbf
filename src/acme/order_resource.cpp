#include "acme/json.hpp"
#include "acme/problem_json.hpp"
#include "acme/resources.hpp"
#include "base/base64url.hpp"
#include "http/url.hpp"

namespace mesh::acme {

namespace {

/// Far above what any CA takes as names of one order.
constexpr std::size_t authorizations_max = 1000;

OrderStatus order_status(std::string_view text) {
    if (text == "pending") return OrderStatus::pending;
    if (text == "ready") return OrderStatus::ready;
    if (text == "processing") return OrderStatus::processing;
    if (text == "valid") return OrderStatus::valid;
    if (text == "invalid") return OrderStatus::invalid;
    return OrderStatus::unknown;
}

Result<std::vector<std::string>> authorizations_of(const Json& object, const std::string& base) {
    std::vector<std::string> urls;
    const Json* listed = member(object, "authorizations");
    if (listed == nullptr || !listed->is_array()) return urls;
    if (listed->size() > authorizations_max) return missing("list of authorizations: too long");
    for (const Json& entry : *listed) {
        if (!entry.is_string()) return missing("URL of an authorization");
        auto url = http::resolve_url(base, entry.get_ref<const std::string&>());
        if (!url) return missing("URL of an authorization");
        urls.push_back(std::move(*url));
    }
    return urls;
}

}  // namespace

std::string order_payload(const std::vector<HostPattern>& names, const std::string& profile) {
    Json identifiers = Json::array();
    for (const HostPattern& name : names) {
        identifiers.push_back({{"type", "dns"}, {"value", name.text()}});
    }
    Json payload{{"identifiers", std::move(identifiers)}};
    if (!profile.empty()) payload["profile"] = profile;
    return to_text(payload);
}

std::string finalize_payload(const Bytes& csr) {
    return to_text(Json{{"csr", base64url_encode(csr)}});
}

Result<OrderResource> read_order(std::string_view body, const std::string& base) {
    const auto object = parse_object(body);
    if (!object) return object.error();
    const std::string status = text_member(object->root, "status");
    if (status.empty()) return missing("status");
    auto authorizations = authorizations_of(object->root, base);
    if (!authorizations) return authorizations.error();
    OrderResource order;
    order.status = order_status(status);
    order.expires = time_member(object->root, "expires");
    order.authorizations = std::move(*authorizations);
    order.finalize = url_member(object->root, "finalize", base);
    order.certificate = url_member(object->root, "certificate", base);
    order.error = problem_member(object->root, "error");
    return order;
}

}  // namespace mesh::acme
