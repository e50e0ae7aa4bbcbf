#include "config/codes.hpp"
#include "config/quote.hpp"
#include "config/resolve.hpp"
#include "model/weights.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mesh::config {
namespace {

/// Services within services: what a connection may have to look through stays small.
constexpr std::size_t levels_max = 8;
constexpr std::size_t leaves_max = 256;

std::string provider_of_service(const std::string& key) {
    const std::size_t at = key.rfind('@');
    return at == std::string::npos ? std::string(file_provider) : key.substr(at + 1);
}

class WeightedServices {
 public:
    explicit WeightedServices(Resolution& resolution)
        : shared_(resolution),
          has_labels_(std::any_of(services().begin(), services().end(), [](const auto& one) {
              return !one.second.units.empty();
          })) {}

    void resolve() {
        for (const auto& [name, draft] : services()) {
            if (!draft.weighted) continue;
            const Problems::Concerning concerning(shared_.problems(), concern(name));
            resolve_parts(name, draft);
        }
        for (const auto& [name, draft] : services())
            if (draft.weighted) measure(name);
    }

 private:
    /// How far a service reaches: one with servers of its own is one level and one leaf.
    struct Extent {
        std::size_t levels = 1;
        std::size_t leaves = 1;
        std::string deepest;  ///< the part by which it has its levels; none: it has no parts
    };
    /// A service that is looked at, between its parts.
    struct Step {
        std::string name;
        const std::vector<model::WeightedService>* parts = nullptr;
        std::size_t next = 0;
    };

    [[nodiscard]] const std::map<std::string, ServiceDraft>& services() const {
        return shared_.draft().tcp.services;
    }
    [[nodiscard]] std::string concern(const std::string& name) const {
        return services().at(name).units.empty() ? std::string() : "tcp.services." + name;
    }

    void resolve_parts(const std::string& name, const ServiceDraft& draft) {
        model::Service& service =
            shared_.out.services.try_emplace(name, model::Service{name, {}, draft.at})
                .first->second;
        std::set<std::string> known;
        for (const WeightedServiceDraft& part : draft.weighted->services) {
            if (!part.name || part.name->unknown) continue;
            std::string key = Resolution::key_of(part.name->value,
                                                 provider_of_service(name),
                                                 services(),
                                                 shared_.draft().claimed.services);
            if (!services().contains(key)) {
                if (!awaits(*part.name, name))
                    shared_.report_unknown(*part.name, "service", services());
            } else if (!known.insert(key).second) {
                shared_.problems().error(
                    codes::bad_value, part.name->at, "the service stands twice in the list");
            } else {
                service.services.push_back({{std::move(key), part.name->at}, part.weight});
            }
        }
        check_weights(shared_, service);
    }

    /// Whether a provider of labels may come to define it.
    bool awaits(const Text& reference, const std::string& owner) {
        const ProvidersDraft& providers = shared_.draft().providers;
        const bool is_exact = reference.value.find('@') != std::string::npos;
        const std::string provider = provider_of_service(is_exact ? reference.value : owner);
        const bool may_come = (providers.docker && provider == "docker") ||
                              (providers.consul_catalog && provider == "consulcatalog");
        if (!may_come) return false;
        const bool is_running = shared_.source().is_running;
        const std::string service = "define the service " + shown(reference);
        shared_.problems().add(finding_at(
            is_running ? Severity::warning : Severity::note,
            codes::awaits_provider,
            reference.at,
            is_running ? "no labels of " + provider + ' ' + service +
                             " now: the others have its share until some do"
                       : "only a running mesh knows whether labels of " + provider + ' ' + service +
                             ": until some do, the others have its share"));
        return true;
    }

    [[nodiscard]] const std::vector<model::WeightedService>& parts_of(
        const std::string& name) const {
        static const std::vector<model::WeightedService> none;
        const auto found = shared_.out.services.find(name);
        return found != shared_.out.services.end() ? found->second.services : none;
    }

    /// Parts first, without recursion: whoever writes labels says how deep they go.
    void measure(const std::string& name) {
        if (!extents_.contains(name)) enter(name);
        while (!way_.empty()) {
            Step& step = way_.back();
            if (step.next == step.parts->size()) {
                conclude(step);
                places_.erase(step.name);
                way_.pop_back();
                continue;
            }
            const std::string& part = (*step.parts)[step.next++].service.value;
            if (extents_.contains(part)) continue;
            if (const auto place = places_.find(part); place != places_.end())
                report_ring(place->second);
            else
                enter(part);
        }
    }

    void enter(const std::string& name) {
        places_.emplace(name, way_.size());
        way_.push_back({name, &parts_of(name)});
    }

    /// All of its parts are known now, but for those that close a ring.
    void conclude(const Step& step) {
        Extent extent;
        bool is_first = true;
        for (const model::WeightedService& part : *step.parts) {
            const auto below = extents_.find(part.service.value);
            if (below == extents_.end()) continue;
            if (std::exchange(is_first, false)) extent.leaves = 0;
            if (below->second.levels + 1 > extent.levels) {
                extent.levels = below->second.levels + 1;
                extent.deepest = part.service.value;
            }
            extent.leaves = std::min(leaves_max + 1, extent.leaves + below->second.leaves);
        }
        const bool goes_too_far = report_reach(step, extent);
        // Labels that are wrong are taken out: then those around them have nothing there, and
        // however deep it goes, all of it is found at once.
        if (goes_too_far && !concern(step.name).empty()) extent = {0, 0, {}};
        extents_.emplace(step.name, std::move(extent));
    }

    /// Where labels take part in it, theirs is the place: they must not be able to refuse what
    /// files say.
    void report_ring(std::size_t begin) {
        std::size_t culprit = way_.size() - 1;
        while (culprit > begin && has_labels_ && concern(way_[culprit].name).empty()) --culprit;
        if (concern(way_[culprit].name).empty()) culprit = way_.size() - 1;
        const Problems::Concerning concerning(shared_.problems(), concern(way_[culprit].name));
        std::string ring;
        for (std::size_t i = begin; i < way_.size() && ring.size() <= chain_shown; ++i)
            ring += way_[i].name + " -> ";
        shared_.problems().error(
            codes::bad_value,
            (*way_[culprit].parts)[way_[culprit].next - 1].service.at,
            "services are parts of themselves: " + printable(ring + way_[begin].name, chain_shown),
            "take one of them out of the ring");
    }

    /// A service of labels that `name` is or is made of, since labels must not be able to refuse
    /// what files say; or else `name`.
    [[nodiscard]] std::string labelled_within(const std::string& name) const {
        if (!has_labels_) return name;
        std::set<std::string> seen{name};
        std::vector<std::string> next{name};
        while (!next.empty()) {
            const std::string one = std::move(next.back());
            next.pop_back();
            if (!concern(one).empty()) return one;
            const auto found = shared_.out.services.find(one);
            if (found == shared_.out.services.end()) continue;
            for (const model::WeightedService& part : found->second.services)
                if (seen.insert(part.service.value).second) next.push_back(part.service.value);
        }
        return name;
    }

    /// True: it was reported. Only of the innermost that goes too far: those around it would be
    /// right without it.
    bool report_reach(const Step& step, const Extent& extent) {
        const bool is_too_deep = extent.levels == levels_max + 1;
        const bool is_too_wide =
            extent.leaves > leaves_max &&
            std::none_of(step.parts->begin(), step.parts->end(), [&](const auto& part) {
                const auto below = extents_.find(part.service.value);
                return below != extents_.end() && below->second.leaves > leaves_max;
            });
        if (!is_too_deep && !is_too_wide) return false;
        const std::string culprit = labelled_within(step.name);
        const Problems::Concerning concerning(shared_.problems(), concern(culprit));
        shared_.problems().error(
            codes::bad_value,
            services().at(culprit).at,
            is_too_deep ? "services within services are more than " + std::to_string(levels_max) +
                              " deep: " + printable(step.name + chain_below(extent), chain_shown)
                        : "it is made of more than " + std::to_string(leaves_max) + " services",
            "give it the services themselves, or fewer of them");
        return true;
    }

    /// " -> blue": from the part that is deepest down.
    [[nodiscard]] std::string chain_below(const Extent& from) const {
        std::string chain;
        for (const Extent* at = &from; !at->deepest.empty(); at = &extents_.at(at->deepest))
            chain += " -> " + at->deepest;
        return chain;
    }

    static constexpr std::size_t chain_shown = 300;

    Resolution& shared_;
    std::map<std::string, Extent> extents_;
    std::vector<Step> way_;                      ///< from a service to the part that is looked at
    std::map<std::string, std::size_t> places_;  ///< on the way
    const bool has_labels_;
};

}  // namespace

void resolve_weighted_services(Resolution& resolution) {
    WeightedServices(resolution).resolve();
}

}  // namespace mesh::config
