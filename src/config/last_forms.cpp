#include "config/last_forms.hpp"

#include <algorithm>
#include <type_traits>

namespace mesh::config {
namespace {

void add_forms(const LastForms::OfUnit& more, LastForms::OfUnit& forms) {
    forms.routers.insert(more.routers.begin(), more.routers.end());
    forms.middlewares.insert(more.middlewares.begin(), more.middlewares.end());
    forms.services.insert(more.services.begin(), more.services.end());
    if (forms.generated == nullptr) forms.generated = more.generated;
}

}  // namespace

LastForms::LastForms(const Draft* last_good, const UnitIndex& today) {
    if (last_good == nullptr) return;
    for (const TcpDraft* before : {&last_good->tcp, &last_good->kept}) {
        add_all(&OfUnit::routers, before->routers, today);
        add_all(&OfUnit::middlewares, before->middlewares, today);
        add_all(&OfUnit::services, before->services, today);
    }
    add_generated(*last_good, today);
}

template <class Add>
void LastForms::add(const std::vector<std::string>& owners,
                    const std::string& provider,
                    const UnitIndex& today,
                    Add add_to) {
    const bool has_source = std::any_of(owners.begin(), owners.end(), [&](const auto& owner) {
        return today.knows_source(owner, provider);
    });
    for (const std::string& owner : owners) {
        const std::string key = owner + '@' + provider;
        if (today.knows_source(owner, provider)) add_to(by_source_[key]);
        if (!has_source && today.knows(owner, provider)) add_to(by_name_[key]);
    }
}

template <class T>
void LastForms::add_all(std::map<std::string, const T*> OfUnit::*objects,
                        const std::map<std::string, T>& before,
                        const UnitIndex& today) {
    for (const auto& [key, object] : before) {
        if constexpr (std::is_same_v<T, RouterDraft>)
            if (object.closed) continue;
        if (object.units.empty()) continue;
        add(object.units,
            key.substr(key.rfind('@') + 1),
            today,
            [&, &at = key, &one = object](OfUnit& forms) {
                (forms.*objects).try_emplace(at, &one);
            });
    }
}

void LastForms::add_generated(const Draft& last_good, const UnitIndex& today) {
    for (const auto* before :
         {&last_good.tls.stores.default_store.generated, &last_good.kept_generated}) {
        if (!*before || (*before)->units.empty()) continue;
        const GeneratedCertificateDraft& generated = **before;
        add(generated.units, generated.provider, today, [&](OfUnit& forms) {
            if (forms.generated == nullptr) forms.generated = &generated;
        });
    }
}

LastForms::OfUnit LastForms::of(const LabelledUnit& unit) const {
    OfUnit out;
    const auto source = by_source_.find(*unit.source + '@' + unit.provider);
    if (source != by_source_.end()) add_forms(source->second, out);
    const auto name = by_name_.find(unit.name + '@' + unit.provider);
    if (name != by_name_.end()) add_forms(name->second, out);
    return out;
}

}  // namespace mesh::config
