#include "config/codes.hpp"
#include "config/resolve.hpp"

#include <utility>

namespace mesh::config {
namespace {

int kinds_of(const MiddlewareDraft& draft) {
    return int{draft.allow_list.has_value()} + int{draft.white_list.has_value()} +
           int{draft.in_flight.has_value()};
}

/// Nothing when it would let more clients through than was meant.
std::optional<model::Middleware> resolve_middleware(Resolution& resolution,
                                                    const std::string& name,
                                                    const MiddlewareDraft& draft) {
    const int kinds = kinds_of(draft);
    if (kinds != 1)
        resolution.problems().error(
            kinds == 0 ? codes::missing : codes::bad_value,
            draft.at,
            kinds == 0 ? "this middleware does nothing" : "one middleware cannot be several things",
            kinds == 0 ? "give it ipAllowList or inFlightConn"
                       : "give each a name of its own, and list both in "
                         "the router's middlewares");
    if (kinds != 1) return std::nullopt;
    model::Middleware middleware{name, {}, 0, draft.at};
    if (draft.in_flight) {
        middleware.in_flight_per_source = draft.in_flight->amount;
        return middleware;
    }
    middleware.source_range = resolve_networks(
        resolution, (draft.allow_list ? draft.allow_list : draft.white_list)->source_range);
    if (middleware.source_range.empty()) return std::nullopt;
    return middleware;
}

}  // namespace

std::vector<IpNetwork> resolve_networks(Resolution& resolution, const std::vector<Text>& texts) {
    std::vector<IpNetwork> networks;
    for (const Text& text : texts) {
        if (text.unknown) continue;
        auto network = IpNetwork::parse(text.value);
        if (network)
            networks.push_back(*network);
        else
            resolution.problems().error(
                codes::bad_value,
                text.at,
                shown(text) + " is no address and no network: " + network.error().message,
                "write it like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32");
    }
    return networks;
}

void resolve_middlewares(Resolution& resolution) {
    for (const auto& [name, draft] : resolution.draft().tcp.middlewares) {
        const Problems::Concerning concerning(
            resolution.problems(), draft.units.empty() ? std::string() : "tcp.middlewares." + name);
        if (auto middleware = resolve_middleware(resolution, name, draft))
            resolution.out.middlewares.emplace(name, std::move(*middleware));
    }
}

}  // namespace mesh::config
