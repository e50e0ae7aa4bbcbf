#include "config/codes.hpp"
#include "config/options.hpp"
#include "config/reading.hpp"

#include <limits>

namespace mesh::config {
namespace {

/// More connections than a process can hold.
constexpr std::int64_t amount_max = std::numeric_limits<std::int32_t>::max();

constexpr Option<MiddlewareDraft> middleware_options[] = {
    option<MiddlewareDraft>("ipAllowList",
                            "section",
                            "",
                            "Only clients from certain networks get through.",
                            [](const Field& field, MiddlewareDraft& out) {
                                read_section(field, allow_list_section(), out.allow_list);
                            }),
    option<MiddlewareDraft>("ipWhiteList",
                            "section, as in `tcp.middlewares.<name>.ipAllowList`",
                            "",
                            "The old name of `ipAllowList`.",
                            [](const Field& field, MiddlewareDraft& out) {
                                read_section(field, allow_list_section(), out.white_list);
                                field.problems().note(codes::old_name,
                                                      field.key_at(),
                                                      "\"ipWhiteList\" is the old name of "
                                                      "\"ipAllowList\"",
                                                      "write ipAllowList");
                            }),
    option<MiddlewareDraft>("inFlightConn",
                            "section",
                            "",
                            "Each client gets a certain number of connections at a time.",
                            [](const Field& field, MiddlewareDraft& out) {
                                read_section(field, in_flight_section(), out.in_flight);
                            }),
};
constexpr Section<MiddlewareDraft> middleware_entry{"tcp.middlewares.<name>", middleware_options};

constexpr Option<AllowListDraft> allow_list_options[] = {
    required<AllowListDraft>(
        "sourceRange",
        "list of addresses and networks",
        "Where clients may come from: `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`.",
        [](const Field& field, AllowListDraft& out) { out.source_range = field.some_texts(); }),
};
constexpr Section<AllowListDraft> allow_list_entry{"tcp.middlewares.<name>.ipAllowList",
                                                   allow_list_options};

constexpr Option<InFlightDraft> in_flight_options[] = {
    required<InFlightDraft>("amount",
                            "number",
                            "Connections that one IP address may have open, over all routers that "
                            "use this middleware; at least 1.",
                            [](const Field& field, InFlightDraft& out) {
                                out.amount = static_cast<std::size_t>(field.integer(1, amount_max));
                            }),
};
constexpr Section<InFlightDraft> in_flight_entry{"tcp.middlewares.<name>.inFlightConn",
                                                 in_flight_options};

}  // namespace

const Section<MiddlewareDraft>& middleware_section() {
    return middleware_entry;
}
const Section<AllowListDraft>& allow_list_section() {
    return allow_list_entry;
}
const Section<InFlightDraft>& in_flight_section() {
    return in_flight_entry;
}

}  // namespace mesh::config
