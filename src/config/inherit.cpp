#include "config/inherit.hpp"

#include "config/codes.hpp"
#include "rules/rule.hpp"

#include <algorithm>

namespace mesh::config {
namespace {

std::vector<std::string> default_entry_points(const Draft& draft) {
    std::vector<std::string> all;
    std::vector<std::string> flagged;
    for (const auto& [name, entry_point] : draft.entry_points) {
        all.push_back(name);
        if (entry_point.as_default) flagged.push_back(name);
    }
    return flagged.empty() ? all : flagged;
}

bool names_a_host(const RouterDraft& router) {
    if (!router.rule || router.rule->unknown) return false;
    const auto rule = rules::Rule::parse(router.rule->value);
    return rule && rule->names_a_host();
}

bool same(const std::optional<Text>& a, const std::optional<Text>& b) {
    return a.has_value() == b.has_value() && (!a || a->value == b->value);
}

bool same(const std::vector<DomainDraft>& a, const std::vector<DomainDraft>& b) {
    const auto same_text = [](const Text& x, const Text& y) { return x.value == y.value; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](auto& x, auto& y) {
        return same(x.main, y.main) &&
               std::equal(x.sans.begin(), x.sans.end(), y.sans.begin(), y.sans.end(), same_text);
    });
}

/// An entry point with `tls`, of those a router is on.
struct Giver {
    const std::string* name;
    const RouterTlsDraft* tls;
};

/// One router taking from its entry points.
class Inheritance {
 public:
    Inheritance(RouterDraft& router, std::vector<Giver> givers, Problems& problems)
        : router_(router), givers_(std::move(givers)), problems_(problems) {}

    void run() {
        if (givers_.empty()) return;
        if (!router_.tls) {
            if (!names_a_host(router_)) return;
            router_.tls.emplace().at = router_.at;
        }
        RouterTlsDraft& tls = *router_.tls;
        if (tls.passthrough) return;
        if (!tls.options) take(tls.options, &RouterTlsDraft::options, "tls.options");
        if (!tls.cert_resolver)
            take(tls.cert_resolver, &RouterTlsDraft::cert_resolver, "tls.certResolver");
        if (tls.domains.empty()) take(tls.domains, &RouterTlsDraft::domains, "tls.domains");
    }

 private:
    template <class T>
    void take(T& into, T RouterTlsDraft::*field, const std::string& option) {
        const Giver& first = givers_.front();
        for (const Giver& other : givers_)
            if (!same(first.tls->*field, other.tls->*field))
                return differ(option, *first.name, *other.name);
        into = first.tls->*field;
    }

    void differ(const std::string& option, const std::string& a, const std::string& b) {
        problems_.error(
            codes::entry_points_differ,
            router_.at,
            "the entry points \"" + a + "\" and \"" + b + "\" fill in " + option + " differently",
            "write " + option + " in the router, or make a router for each of them");
    }

    RouterDraft& router_;
    std::vector<Giver> givers_;
    Problems& problems_;
};

std::vector<Giver> givers_of(const RouterDraft& router, const Draft& draft) {
    std::vector<Giver> givers;
    for (const Text& name : router.entry_points) {
        const auto found = draft.entry_points.find(name.value);
        if (found != draft.entry_points.end() && found->second.tls)
            givers.push_back({&found->first, &*found->second.tls});
    }
    return givers;
}

}  // namespace

void inherit_from_entry_points(Draft& draft, Problems& problems) {
    const std::vector<std::string> by_default = default_entry_points(draft);
    for (auto& [name, router] : draft.tcp.routers) {
        if (router.entry_points.empty())
            for (const std::string& entry_point : by_default) {
                Text& text = router.entry_points.emplace_back();
                text.value = entry_point;
                text.at = router.at;
            }
        const Problems::Concerning concerning(
            problems, router.units.empty() ? std::string() : "tcp.routers." + name);
        if (!router.closed) Inheritance(router, givers_of(router, draft), problems).run();
    }
}

}  // namespace mesh::config
