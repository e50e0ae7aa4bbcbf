#include "config/isolate_labels.hpp"

#include "config/codes.hpp"
#include "config/label_concern.hpp"
#include "config/pool.hpp"
#include "config/quote.hpp"
#include "config/resolve.hpp"
#include "config/spelling.hpp"
#include "rules/rule.hpp"

#include <algorithm>
#include <utility>

namespace mesh::config {
namespace {

/// With more everything that a unit says is in doubt.
constexpr std::size_t errors_of_unit_max = 200;

std::string bare(const std::string& key) {
    return key.substr(0, key.rfind('@'));
}

std::string provider_in(const std::string& key) {
    return key.substr(key.rfind('@') + 1);
}

bool is_label_error(const Finding& finding) {
    return finding.severity == Severity::error;
}

/// Whether the error leaves no doubt about the connections of the router: its rule, its rank, its
/// entry points, and whether they are TLS ones.
bool leaves_router_certain(const RouterDraft& router,
                           std::string_view option,
                           const Finding& error) {
    if (option.empty()) return error.code == codes::missing;
    if (error.code == codes::unknown_option || error.code == codes::syntax) return false;
    const auto is_below = [&](std::string_view name) {
        return option.size() >= name.size() && lower_case(option.substr(0, name.size())) == name;
    };
    if (is_below("tls.")) return router.tls.has_value();
    return is_below("service") || is_below("middlewares") || is_below("onremove") ||
           is_below("rule");
}

std::optional<rules::Rule> readable_rule(const RouterDraft& router) {
    if (!router.rule || router.rule->unknown) return std::nullopt;
    auto rule = rules::Rule::parse(router.rule->value);
    if (!rule) return std::nullopt;
    return std::move(*rule);
}

std::string_view tls_written(const ServerTlsDraft& security) {
    if (security.start_tls_postgres) return "postgres";
    return security.tls.value_or(false) ? "tls" : "plain";
}

/// The keys of the services that one of labels of `provider` is made of.
std::vector<std::string> parts_named(const ServiceDraft& service, const std::string& provider) {
    std::vector<std::string> keys;
    if (!service.weighted) return keys;
    for (const WeightedServiceDraft& part : service.weighted->services)
        if (part.name) keys.push_back(qualified_name(part.name->value, provider));
    return keys;
}

std::string check_written(const model::HealthCheck& check) {
    std::string out = "check";
    for (const auto number :
         {std::int64_t{check.port.value_or(0)},
          std::int64_t{check.interval.count()},
          std::int64_t{check.unhealthy_interval.value_or(check.interval).count()},
          std::int64_t{check.timeout.count()},
          static_cast<std::int64_t>(check.send.size())})
        out += ' ' + std::to_string(number);
    return out + ' ' + check.send + check.expect;
}

std::string service_written(const ServiceDraft& service) {
    if (service.weighted) {
        std::string out = "weighted";
        for (const WeightedServiceDraft& part : service.weighted->services)
            out += '\n' + std::to_string(part.weight) + ' ' +
                   (part.name ? part.name->value : std::string());
        return out;
    }
    if (!service.load_balancer) return {};
    std::string out(to_string(service.load_balancer->strategy));
    if (const auto& sent = service.load_balancer->proxy_protocol)
        out += " proxy " + std::to_string(static_cast<int>(sent->version));
    if (const auto& health = service.load_balancer->health_check)
        out += '\n' + check_written(health->check) + '\n';
    if (const auto& transport = service.load_balancer->servers_transport)
        out += " transport " + transport->value;
    if (const auto& delay = service.load_balancer->termination_delay)
        out += " delay " + std::to_string(delay->count());
    if (!service.load_balancer->servers_given) return out;
    for (const ServerDraft& server : service.load_balancer->servers)
        out += '\n' + std::to_string(server.weight) + ' ' +
               std::string(tls_written(server.security)) + ' ' +
               (server.address ? server.address->value : std::string());
    return out;
}

std::string generated_written(const GeneratedCertificateDraft& generated) {
    std::string out = generated.resolver ? generated.resolver->value : std::string();
    if (!generated.domain) return out;
    if (generated.domain->main) out += '\n' + generated.domain->main->value;
    for (const Text& san : generated.domain->sans) out += '\n' + san.value;
    return out;
}

std::string written_form(const RouterDraft& router) {
    return router.written;
}
std::string written_form(const MiddlewareDraft& middleware) {
    return middleware.written;
}
std::string written_form(const ServiceDraft& service) {
    return service_written(service);
}
std::string written_form(const GeneratedCertificateDraft& generated) {
    return generated_written(generated);
}

/// The units of all that define one object, each once.
template <class Definitions>
std::vector<std::string> units_of(const Definitions& all) {
    std::vector<std::string> units;
    std::set<std::string_view> known;
    for (const auto& one : all)
        for (const std::string& unit : one.object.units)
            if (known.insert(unit).second) units.push_back(unit);
    return units;
}

/// A router that is refused: under a name no labels can give where it is not the first.
std::string closed_key(const std::string& key, std::size_t number) {
    if (number == 0) return key;
    return bare(key) + '@' + std::to_string(number + 1) + '@' + provider_in(key);
}

ConcernIndex concerns_of(const UnitObjects& objects) {
    ConcernIndex index;
    index.add("routers", objects.tcp.routers);
    index.add("services", objects.tcp.services);
    index.add("middlewares", objects.tcp.middlewares);
    if (objects.generated) index.add_generated();
    return index;
}

}  // namespace

void LabelIsolator::add(const InventoryPtr& inventory, const std::vector<std::string>& prefixes) {
    for (std::size_t i = 0; i < inventory->units.size(); ++i) {
        const LabelledUnit& unit = inventory->units[i];
        units_.push_back({&unit, inventory, i, prefixes});
    }
    today_.add(inventory);
}

void LabelIsolator::merge() {
    for (const Unit& unit : units_) read(unit);
    claim_names();
    merge_services();
    merge_middlewares();
    merge_routers();
    merge_generated();
}

void LabelIsolator::read(const Unit& unit) {
    Problems problems(errors_of_unit_max);
    UnitObjects objects = read_unit(*unit.labelled, unit.prefixes, draft_, problems);
    const std::vector<Finding> found = problems.take_held();
    findings_.insert(findings_.end(), found.begin(), found.end());
    const auto first = std::find_if(found.begin(), found.end(), is_label_error);
    if (first == found.end()) {
        for (const std::string& name : names_of_unit(*unit.labelled))
            right_.insert(name + '@' + unit.labelled->provider);
        return add_definitions(unit, std::move(objects), {});
    }
    claim(unit);
    const bool is_refused = objects.is_refused;
    if (is_refused) objects = {};
    const UnitFaults faults = is_refused || problems.hides_errors()
                                  ? all_faulty(unit, objects, *first)
                                  : faults_in(unit, objects, found);
    add_definitions(unit, std::move(objects), faults);
}

/// All that its labels were meant to define, readable or not.
void LabelIsolator::claim(const Unit& unit) {
    const auto add = [&](ClaimedNames::Names& names, std::string_view name) {
        names[qualified_name(name, unit.labelled->provider)] = names_of_unit(*unit.labelled);
    };
    for (const Label& label : unit.labelled->labels) {
        const auto named = named_in_label(label.key, unit.prefixes);
        if (!named) continue;
        if (named->is_service) add(draft_.claimed.services, named->name);
        if (named->is_middleware) add(draft_.claimed.middlewares, named->name);
    }
}

void LabelIsolator::claim_names() {
    const auto add = [&](const auto& definitions, ClaimedNames::Names& names) {
        for (const auto& [key, all] : definitions)
            if (!all.empty()) names.try_emplace(key, names_of_unit(*all.front().unit));
    };
    add(services_, draft_.claimed.services);
    add(middlewares_, draft_.claimed.middlewares);
    if (last_good_ == nullptr) return;
    const std::set<std::string> meant = names_meant();
    const auto add_last = [&](const auto& objects, ClaimedNames::Names& names) {
        ClaimedNames::Names before;
        for (const auto& [key, object] : objects)
            if (!object.units.empty()) before.emplace(key, object.units);
        claim_last_names(before, meant, names);
    };
    for (const TcpDraft* before : {&last_good_->tcp, &last_good_->kept}) {
        add_last(before->services, draft_.claimed.services);
        add_last(before->middlewares, draft_.claimed.middlewares);
    }
    claim_last_names(last_good_->claimed.services, meant, draft_.claimed.services);
    claim_last_names(last_good_->claimed.middlewares, meant, draft_.claimed.middlewares);
}

/// Those that routers still mean, until one of those who defined them comes without, and right.
void LabelIsolator::claim_last_names(const ClaimedNames::Names& before,
                                     const std::set<std::string>& meant,
                                     ClaimedNames::Names& now) const {
    for (const auto& [key, units] : before) {
        if (!meant.contains(key)) continue;
        const std::string provider = '@' + provider_in(key);
        const bool is_given_up = std::any_of(units.begin(), units.end(), [&](const auto& unit) {
            return right_.contains(unit + provider);
        });
        if (!is_given_up) now.try_emplace(key, units);
    }
}

/// What routers and services of labels name, those of before too.
std::set<std::string> LabelIsolator::names_meant() const {
    std::set<std::string> names;
    const auto add = [&](const RouterDraft& router) {
        if (router.service) names.insert(qualified_name(router.service->value, router.provider));
        for (const Text& name : router.middlewares)
            names.insert(qualified_name(name.value, router.provider));
    };
    const auto add_parts = [&](const ServiceDraft& service, const std::string& key) {
        for (std::string& part : parts_named(service, provider_in(key)))
            names.insert(std::move(part));
    };
    for (const auto& [ignored, all] : routers_)
        for (const auto& one : all) add(one.object);
    for (const auto& [key, all] : services_)
        for (const auto& one : all) add_parts(one.object, key);
    for (const TcpDraft* before : {&last_good_->tcp, &last_good_->kept}) {
        for (const auto& [key, router] : before->routers)
            if (!router.units.empty() && !alive(router.units, key).empty()) add(router);
        for (const auto& [key, service] : before->services)
            if (!service.units.empty() && !alive(service.units, key).empty())
                add_parts(service, key);
    }
    return names;
}

/// How the objects that an error is about are at fault.
void LabelIsolator::UnitFaults::add(const std::set<std::string>& paths,
                                    std::string_view option,
                                    const Finding& error,
                                    UnitObjects& objects) {
    constexpr std::string_view of_routers = "tcp.routers.";
    for (const std::string& path : paths) {
        of.try_emplace(path, error);
        if (!path.starts_with(of_routers)) continue;
        const auto router = objects.tcp.routers.find(path.substr(of_routers.size()));
        if (router == objects.tcp.routers.end()) continue;
        if (!leaves_router_certain(router->second, option, error)) vague.insert(path);
        // What could not be read is no rank.
        if (lower_case(option).starts_with("priority")) router->second.priority.reset();
    }
}

LabelIsolator::UnitFaults LabelIsolator::faults_in(const Unit& unit,
                                                   UnitObjects& objects,
                                                   const std::vector<Finding>& found) {
    UnitFaults faults;
    const ConcernIndex own = concerns_of(objects);
    std::optional<ConcernIndex> before;
    for (const Finding& error : found) {
        if (!is_label_error(error)) continue;
        // What is wrong may have been meant for the router that labels do not name.
        if (objects.has_default_router || ConcernIndex::may_be_any(error.path))
            return all_faulty(unit, objects, error);
        const auto concerned = own.of(error.path, unit.prefixes);
        faults.add(concerned, option_in_label(error.path, unit.prefixes), error, objects);
        if (!concerned.empty()) continue;
        if (!before) before = concerns_of_before(unit);
        for (const std::string& path : before->of(error.path, unit.prefixes))
            faults.of_before.try_emplace(path, error);
    }
    return faults;
}

/// Nobody knows what the error is about, or what else is wrong: everything is in doubt.
LabelIsolator::UnitFaults LabelIsolator::all_faulty(const Unit& unit,
                                                    const UnitObjects& objects,
                                                    const Finding& error) {
    UnitFaults faults;
    const ConcernIndex own = concerns_of(objects);
    const ConcernIndex before = concerns_of_before(unit);
    for (const std::string& path : own.all()) {
        faults.of.emplace(path, error);
        faults.vague.insert(path);
    }
    for (const std::string& path : before.all()) faults.of_before.emplace(path, error);
    return faults;
}

ConcernIndex LabelIsolator::concerns_of_before(const Unit& unit) {
    const LastForms::OfUnit forms = last_forms_of(unit);
    ConcernIndex index;
    index.add("routers", forms.routers);
    index.add("services", forms.services);
    index.add("middlewares", forms.middlewares);
    if (forms.generated != nullptr) index.add_generated();
    return index;
}

/// What worked last of what the unit defined.
LastForms::OfUnit LabelIsolator::last_forms_of(const Unit& unit) {
    if (!last_forms_) last_forms_.emplace(last_good_, today_);
    return last_forms_->of(*unit.labelled);
}

void LabelIsolator::add_definitions(const Unit& unit,
                                    UnitObjects objects,
                                    const UnitFaults& faults) {
    const auto add_all = [&](auto& own, auto& all, const std::string& prefix) {
        for (auto& [key, object] : own) {
            const auto fault = faults.of.find(prefix + key);
            auto& one = all[key].emplace_back();
            one.object = std::move(object);
            one.unit = unit.labelled;
            if (fault != faults.of.end()) one.fault = fault->second;
            one.is_vague = faults.vague.contains(prefix + key);
        }
    };
    for (auto& [key, service] : objects.tcp.services)
        if (service.load_balancer)
            for (ContainerServerDraft& container : service.load_balancer->containers) {
                container.inventory = unit.inventory;
                container.unit = unit.index;
            }
    add_all(objects.tcp.routers, routers_, "tcp.routers.");
    add_all(objects.tcp.middlewares, middlewares_, "tcp.middlewares.");
    for (const auto& [key, service] : objects.tcp.services)
        if (!faults.of.contains("tcp.services." + key)) check_pool(unit, service, bare(key));
    add_all(objects.tcp.services, services_, "tcp.services.");
    if (objects.generated) {
        const auto fault = faults.of.find(std::string(generated_default_path));
        auto& one = generated_.emplace_back();
        one.object = std::move(*objects.generated);
        one.unit = unit.labelled;
        if (fault != faults.of.end()) one.fault = fault->second;
    }
    add_last_forms(unit, faults);
}

/// What the unit defined and does not now, because of what is wrong in its labels.
void LabelIsolator::add_last_forms(const Unit& unit, const UnitFaults& faults) {
    if (faults.of_before.empty()) return;
    const LastForms::OfUnit before = last_forms_of(unit);
    const auto add = [&](const auto& objects, auto& all, const std::string& prefix) {
        for (const auto& [key, object] : objects) {
            const auto fault = faults.of_before.find(prefix + key);
            if (fault == faults.of_before.end()) continue;
            auto& definitions = all[key];
            if (!definitions.empty() && definitions.back().unit == unit.labelled) continue;
            auto& one = definitions.emplace_back();
            // The whole of a service is many units'; each has its part in what worked last.
            if constexpr (!std::is_same_v<decltype(object), const ServiceDraft* const>)
                one.object = *object;
            one.unit = unit.labelled;
            one.fault = fault->second;
        }
    };
    add(before.routers, routers_, "tcp.routers.");
    add(before.middlewares, middlewares_, "tcp.middlewares.");
    add(before.services, services_, "tcp.services.");
    const auto fault = faults.of_before.find(std::string(generated_default_path));
    if (before.generated != nullptr && generated_.empty() && fault != faults.of_before.end())
        generated_.push_back({*before.generated, unit.labelled, fault->second, false});
}

/// Reports instances that cannot be servers. It is no fault of the labels: the next report of the
/// provider may know more, and servers alone cause no reading.
void LabelIsolator::check_pool(const Unit& unit,
                               const ServiceDraft& service,
                               const std::string& name) {
    const auto& instances = unit.labelled->instances;
    if (!instances || !service.load_balancer) return;
    const std::string prefix = unit.prefixes.front().empty() ? "" : unit.prefixes.front() + '.';
    for (const ContainerServerDraft& container : service.load_balancer->containers) {
        const model::ServerSource source{unit.index, container.port, container.at};
        for (const Instance& instance : *instances) {
            const Unusable why = why_unusable(instance, source);
            if (why == Unusable::nothing) continue;
            const bool has_address = why == Unusable::port;
            findings_.push_back(
                finding_at(Severity::warning,
                           codes::missing,
                           container.at,
                           in_quotes(instance.name) +
                               (has_address ? " exposes no port" : " has no usable address") +
                               ": it is no server of " + in_quotes(name),
                           has_address ? "name the port with " + prefix + "tcp.services." +
                                             printable(name) + ".loadBalancer.server.port=NUMBER"
                                       : "see which networks it is in"));
        }
    }
}

/// Why the object cannot be applied: its own fault, or that two define it differently.
template <class T>
std::optional<Finding> LabelIsolator::fault_of(const std::string& what,
                                               const std::string& key,
                                               const std::vector<Definition<T>>& all) {
    for (const Definition<T>& one : all)
        if (one.fault) return one.fault;
    const auto other = std::find_if(all.begin(), all.end(), [&](const Definition<T>& one) {
        return written_form(one.object) != written_form(all.front().object);
    });
    if (other == all.end()) return std::nullopt;
    const model::Location& at = other->object.at;
    const model::Location& first = all.front().object.at;
    Finding conflict =
        finding_at(Severity::error,
                   codes::duplicate,
                   at,
                   printable(first.file ? *first.file : "another one") + " defines the " + what +
                       (key.empty() ? "" : ' ' + in_quotes(bare(key))) + " differently",
                   "write the same in both, or give one of them another name");
    findings_.push_back(conflict);
    return conflict;
}

/// Who serves nobody does not contradict those who do: an instance that died keeps its old tags.
template <class T>
void LabelIsolator::leave_out_absent(std::vector<Definition<T>>& all) {
    const auto absent = [](const Definition<T>& one) {
        return one.unit != nullptr && is_absent(*one.unit);
    };
    const auto present = std::find_if_not(all.begin(), all.end(), absent);
    if (present == all.end()) return;
    const std::string form = written_form(present->object);
    std::erase_if(all, [&](const Definition<T>& one) {
        return absent(one) && (one.fault || written_form(one.object) != form);
    });
}

void LabelIsolator::merge_routers() {
    for (auto& [key, all] : routers_) {
        leave_out_absent(all);
        const auto fault = fault_of("router", key, all);
        if (fault) {
            take_out_router(key, *fault);
            continue;
        }
        RouterDraft router = all.front().object;
        router.units = units_of(all);
        draft_.tcp.routers.insert_or_assign(key, std::move(router));
    }
}

void LabelIsolator::merge_middlewares() {
    for (auto& [key, all] : middlewares_) {
        leave_out_absent(all);
        const auto fault = fault_of("middleware", key, all);
        if (fault) {
            take_out_middleware(key, *fault);
            continue;
        }
        MiddlewareDraft middleware = all.front().object;
        middleware.units = units_of(all);
        draft_.tcp.middlewares.insert_or_assign(key, std::move(middleware));
    }
}

void LabelIsolator::merge_services() {
    for (auto& [key, all] : services_) {
        leave_out_absent(all);
        merge_service(key, all);
    }
}

/// The part of a unit as it worked last, out of the whole service of before.
class LabelIsolator::LastParts {
 public:
    explicit LastParts(std::optional<ServiceDraft> last) : service_(std::move(last)) {
        if (!service_ || !service_->load_balancer || service_->load_balancer->servers_given) return;
        for (ContainerServerDraft& container :
             std::exchange(service_->load_balancer->containers, {})) {
            const LabelledUnit* const unit = &container.inventory->units[container.unit];
            of_units_.try_emplace(unit, std::move(container));
        }
    }
    [[nodiscard]] std::optional<ServiceDraft> of(const LabelledUnit& unit) const {
        const auto part = of_units_.find(&unit);
        if (part == of_units_.end()) return std::nullopt;
        ServiceDraft service = *service_;
        service.units = names_of_unit(unit);
        service.load_balancer->containers = {part->second};
        return service;
    }

 private:
    std::optional<ServiceDraft> service_;
    std::map<const LabelledUnit*, ContainerServerDraft> of_units_;
};

/// Each unit adds its own part; one that is wrong is replaced by what worked last.
std::vector<ServiceDraft> LabelIsolator::parts_of_service(
    const std::string& key, const std::vector<Definition<ServiceDraft>>& all) {
    const std::string path = "tcp.services." + key;
    std::optional<LastParts> last;
    std::vector<ServiceDraft> parts;
    for (const auto& one : all) {
        if (!one.fault) {
            parts.push_back(one.object);
            continue;
        }
        if (!last) last.emplace(last_service(key));
        auto before = last->of(*one.unit);
        note(path, before ? Isolated::State::stale : Isolated::State::left_out, *one.fault);
        if (before) parts.push_back(std::move(*before));
    }
    return parts;
}

void LabelIsolator::merge_service(const std::string& key,
                                  const std::vector<Definition<ServiceDraft>>& all) {
    std::vector<ServiceDraft> parts = parts_of_service(key, all);
    if (parts.empty()) {
        for (const auto& one : all)
            if (one.fault) return take_out_service(key, *one.fault);
        return;
    }
    std::vector<Definition<ServiceDraft>> right;
    right.reserve(parts.size());
    for (ServiceDraft& part : parts) right.push_back({std::move(part), nullptr, {}, false});
    if (const auto fault = fault_of("service", key, right)) return take_out_service(key, *fault);
    ServiceDraft service = right.front().object;
    service.units = units_of(right);
    for (std::size_t i = 1; i < right.size(); ++i) {
        if (!service.load_balancer || !right[i].object.load_balancer) continue;
        for (ContainerServerDraft& container : right[i].object.load_balancer->containers)
            service.load_balancer->containers.push_back(std::move(container));
    }
    draft_.tcp.services.insert_or_assign(key, std::move(service));
}

void LabelIsolator::merge_generated() {
    if (generated_.empty()) return;
    auto& known = draft_.tls.stores.default_store.generated;
    std::optional<Finding> fault;
    if (known) {
        fault = finding_at(Severity::error,
                           codes::duplicate,
                           generated_.front().object.at,
                           "\"defaultGeneratedCert\" is defined in " +
                               printable(known->at.file ? *known->at.file : "") + " too",
                           "keep one of the two");
        findings_.push_back(*fault);
        note(std::string(generated_default_path), Isolated::State::left_out, *fault);
        return;
    }
    leave_out_absent(generated_);
    fault = fault_of("defaultGeneratedCert", "", generated_);
    if (fault) return take_out_generated(*fault);
    known = generated_.front().object;
    known->units = units_of(generated_);
}

void LabelIsolator::take_out(const Problems::Aside& errors) {
    for (const auto& [path, found] : errors) {
        if (found.empty()) continue;
        if (!stages_.contains(path)) findings_.insert(findings_.end(), found.begin(), found.end());
        take_out(path, found.front());
    }
}

void LabelIsolator::take_out(const std::string& path, const Finding& error) {
    const auto key_behind = [&](std::string_view prefix) -> std::optional<std::string> {
        if (!path.starts_with(prefix)) return std::nullopt;
        return path.substr(prefix.size());
    };
    if (const auto router = key_behind("tcp.routers.")) return take_out_router(*router, error);
    if (const auto service = key_behind("tcp.services.")) return take_out_service(*service, error);
    if (const auto one = key_behind("tcp.middlewares.")) return take_out_middleware(*one, error);
    take_out_generated(error);
}

void LabelIsolator::take_out_router(const std::string& key, const Finding& error) {
    const std::string path = "tcp.routers." + key;
    const auto stage = stages_.find(path);
    if (stage == stages_.end() && restore_router(key)) {
        stages_[path] = Stage::restored;
        note(path, Isolated::State::stale, error);
    } else if (stage == stages_.end() || stage->second == Stage::restored) {
        stages_[path] = Stage::closed;
        close_router(key, error);
    } else {
        stages_[path] = Stage::gone;
        draft_.tcp.routers.erase(key);
        note(path, Isolated::State::left_out, error);
    }
}

void LabelIsolator::take_out_service(const std::string& key, const Finding& error) {
    const std::string path = "tcp.services." + key;
    auto before = stages_.contains(path) ? std::nullopt : last_service(key);
    stages_[path] = before ? Stage::restored : Stage::gone;
    note(path, before ? Isolated::State::stale : Isolated::State::left_out, error);
    if (!before) {
        draft_.tcp.services.erase(key);
        return;
    }
    draft_.tcp.services.insert_or_assign(key, std::move(*before));
    bring_parts(key);
}

void LabelIsolator::take_out_middleware(const std::string& key, const Finding& error) {
    const std::string path = "tcp.middlewares." + key;
    auto before = stages_.contains(path) ? std::nullopt : last_form(&TcpDraft::middlewares, key);
    stages_[path] = before ? Stage::restored : Stage::gone;
    note(path, before ? Isolated::State::stale : Isolated::State::left_out, error);
    if (before)
        draft_.tcp.middlewares.insert_or_assign(key, std::move(*before));
    else
        draft_.tcp.middlewares.erase(key);
}

void LabelIsolator::take_out_generated(const Finding& error) {
    const std::string path(generated_default_path);
    auto& now = draft_.tls.stores.default_store.generated;
    now.reset();
    if (!stages_.contains(path)) now = last_generated();
    stages_[path] = now ? Stage::restored : Stage::gone;
    note(path, now ? Isolated::State::stale : Isolated::State::left_out, error);
}

std::optional<GeneratedCertificateDraft> LabelIsolator::last_generated() const {
    if (last_good_ == nullptr) return std::nullopt;
    for (const auto* before :
         {&last_good_->tls.stores.default_store.generated, &last_good_->kept_generated})
        if (*before && !alive((*before)->units, '@' + (*before)->provider).empty()) return *before;
    return std::nullopt;
}

template <class T>
std::optional<T> LabelIsolator::last_form(std::map<std::string, T> TcpDraft::*objects,
                                          const std::string& key) const {
    if (last_good_ == nullptr) return std::nullopt;
    for (const TcpDraft* before : {&last_good_->tcp, &last_good_->kept}) {
        const auto found = (before->*objects).find(key);
        if (found == (before->*objects).end()) continue;
        if constexpr (std::is_same_v<T, RouterDraft>)
            if (found->second.closed) continue;
        T form = found->second;
        form.units = alive(form.units, key);
        if (!form.units.empty()) return form;
    }
    return std::nullopt;
}

/// With the containers of today. Nothing when none of its own is there any more.
std::optional<ServiceDraft> LabelIsolator::last_service(const std::string& key) {
    auto service = last_form(&TcpDraft::services, key);
    if (!service || !service->load_balancer) return service;
    auto& containers = service->load_balancer->containers;
    const bool had_any = !containers.empty();
    std::vector<ContainerServerDraft> now;
    std::set<std::pair<const Inventory*, std::size_t>> known;
    for (ContainerServerDraft& container : containers) {
        if (!container.inventory) continue;
        const auto place = today_.today(container.inventory, container.unit);
        if (!place || !known.emplace(place->inventory.get(), place->unit).second) continue;
        container.inventory = place->inventory;
        container.unit = place->unit;
        now.push_back(std::move(container));
    }
    containers = std::move(now);
    if (had_any && containers.empty()) return std::nullopt;
    return service;
}

bool LabelIsolator::restore_router(const std::string& key) {
    auto before = last_form(&TcpDraft::routers, key);
    if (!before) return false;
    bring_along(*before);
    draft_.tcp.routers.insert_or_assign(key, std::move(*before));
    return true;
}

/// The service and the middlewares that a form of before names may be gone from the labels.
void LabelIsolator::bring_along(const RouterDraft& router) {
    if (router.service) bring_service(qualified_name(router.service->value, router.provider));
    for (const Text& name : router.middlewares) {
        const std::string key = qualified_name(name.value, router.provider);
        if (draft_.tcp.middlewares.contains(key) || stages_.contains("tcp.middlewares." + key))
            continue;
        if (auto middleware = last_form(&TcpDraft::middlewares, key))
            draft_.tcp.middlewares.emplace(key, std::move(*middleware));
    }
}

void LabelIsolator::bring_service(const std::string& key) {
    if (draft_.tcp.services.contains(key) || stages_.contains("tcp.services." + key)) return;
    auto service = last_service(key);
    if (!service) return;
    draft_.tcp.services.emplace(key, std::move(*service));
    bring_parts(key);
}

/// The same of the services that a form of before is made of.
void LabelIsolator::bring_parts(const std::string& key) {
    for (const std::string& part : parts_named(draft_.tcp.services.at(key), provider_in(key)))
        bring_service(part);
}

/// Whatever it matched or was meant to match is refused. Where that is in doubt: a host everywhere,
/// any host only on entry points that the labels name, because it would take everything from others
/// elsewhere.
void LabelIsolator::close_router(const std::string& key, const Finding& error) {
    std::vector<Definition<RouterDraft>> forms = routers_[key];
    if (auto before = last_form(&TcpDraft::routers, key))
        forms.push_back({*before, nullptr, {}, false});
    draft_.tcp.routers.erase(key);
    std::set<std::string> rules_seen;
    std::size_t count = 0;
    const auto add = [&](RouterDraft form) {
        form.closed = true;
        draft_.tcp.routers.insert_or_assign(closed_key(key, count++), std::move(form));
    };
    for (auto& [form, unit, fault, is_vague] : forms) {
        const auto rule = readable_rule(form);
        if (!rule || !rules_seen.insert(form.rule->value).second) continue;
        if (!rule->names_a_host()) {
            // What it was meant to match elsewhere is others'.
            const bool names_any = !form.entry_points.empty();
            std::erase_if(form.entry_points, [&](const Text& entry_point) {
                return !draft_.entry_points.contains(entry_point.value);
            });
            if (form.entry_points.empty() && (names_any || is_vague)) continue;
        } else if (is_vague) {
            // An entry point of no name stands for all.
            form.entry_points.assign(1, Text{});
        }
        add(form);
        if (!is_vague || rule->names_a_host() || rule->asks_for_protocol()) continue;
        if (form.tls)
            form.tls.reset();
        else
            form.tls.emplace().at = form.at;
        add(form);
    }
    if (count == 0) stages_["tcp.routers." + key] = Stage::gone;
    note("tcp.routers." + key,
         count == 0 ? Isolated::State::left_out : Isolated::State::closed,
         error);
}

void LabelIsolator::keep_last_forms() {
    draft_.kept = {};
    const auto& generated = draft_.tls.stores.default_store.generated;
    if (!generated_.empty() && (!generated || generated->units.empty()))
        draft_.kept_generated = last_generated();
    for (const auto& [key, ignored] : routers_) {
        const auto now = draft_.tcp.routers.find(key);
        if (now != draft_.tcp.routers.end() && !now->second.closed) continue;
        if (auto before = last_form(&TcpDraft::routers, key)) {
            // It comes back with what it needs.
            if (before->service)
                keep_last_service(qualified_name(before->service->value, before->provider));
            for (const Text& name : before->middlewares) {
                const std::string middleware = qualified_name(name.value, before->provider);
                keep_last_form(&TcpDraft::middlewares, middleware);
            }
            draft_.kept.routers.emplace(key, std::move(*before));
        }
    }
    for (const auto& [path, place] : place_in_isolated_) {
        constexpr std::string_view of_services = "tcp.services.";
        constexpr std::string_view of_middlewares = "tcp.middlewares.";
        if (path.starts_with(of_services))
            keep_last_service(path.substr(of_services.size()));
        else if (path.starts_with(of_middlewares))
            keep_last_form(&TcpDraft::middlewares, path.substr(of_middlewares.size()));
    }
}

/// With those it is made of.
void LabelIsolator::keep_last_service(const std::string& key) {
    auto& kept = draft_.kept.services;
    if (kept.contains(key)) return;
    keep_last_form(&TcpDraft::services, key);
    const auto service = kept.find(key);
    if (service == kept.end()) return;
    for (const std::string& part : parts_named(service->second, provider_in(key)))
        keep_last_service(part);
}

template <class T>
void LabelIsolator::keep_last_form(std::map<std::string, T> TcpDraft::*objects,
                                   const std::string& key) {
    auto& kept = draft_.kept.*objects;
    if (kept.contains(key)) return;
    if (auto last = last_form(objects, key)) kept.emplace(key, std::move(*last));
}

std::vector<std::string> LabelIsolator::alive(const std::vector<std::string>& units,
                                              const std::string& key) const {
    std::vector<std::string> out;
    const std::string provider = provider_in(key);
    for (const std::string& unit : units)
        if (today_.knows(unit, provider)) out.push_back(unit);
    return out;
}

void LabelIsolator::note(const std::string& path, Isolated::State state, const Finding& error) {
    const auto [known, fresh] = place_in_isolated_.try_emplace(path, isolated_.size());
    if (!fresh) {
        isolated_[known->second].state = state;  // the first reason is the one to mend
        return;
    }
    Finding line = error;
    line.excerpt.clear();
    isolated_.push_back({path, state, render(line), true, error.file});
}

}  // namespace mesh::config
