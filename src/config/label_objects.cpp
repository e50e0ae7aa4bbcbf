#include "config/label_objects.hpp"

#include "base/ascii.hpp"
#include "config/codes.hpp"
#include "config/options.hpp"
#include "config/quote.hpp"
#include "config/resolve.hpp"
#include "config/spelling.hpp"

#include <map>
#include <optional>
#include <utility>

namespace mesh::config {
namespace {

/// The same for all trees that say the same, whatever the case and order of their labels.
std::string in_one_form(TreeNode node) {
    std::string out(node.text());
    for (std::size_t i = 0; i < node.size(); ++i) {
        out += '\n';
        if (node.kind() == NodeKind::map) out += lower_case(node.key(i).text()) + '=';
        out += in_one_form(node.value(i));
    }
    return out + '\0';
}

/// The value of an option in any case; nothing when there is none.
std::optional<TreeNode> option_in(std::optional<TreeNode> map, std::string_view name) {
    for (std::size_t i = 0; map && map->kind() == NodeKind::map && i < map->size(); ++i)
        if (equal_ignoring_case(map->key(i).text(), name)) return map->value(i);
    return std::nullopt;
}

class LabelledObjects {
 public:
    LabelledObjects(const LabelledUnit& unit, const Draft& files, Problems& problems)
        : unit_(unit), files_(files), problems_(problems) {}

    UnitObjects read(Draft own, TreeNode tree) {
        const auto tcp = option_in(tree, "tcp");
        for (auto& [name, service] : own.tcp.services) fill_servers(service);
        for_each(
            option_in(tcp, "routers"), own.tcp.routers, [this](RouterDraft& router, auto node) {
                if (!router.rule && node.kind() != NodeKind::scalar) fill_rule(router);
            });
        const bool by_default = !option_in(tcp, "routers") && add_default_router(own.tcp);
        for (auto& [name, router] : own.tcp.routers) {
            router.provider = unit_.provider;
            fill_service(router, own.tcp.services);
        }
        if (own.tcp.services.empty()) add_own_service(own.tcp);
        note_written(own.tcp, tcp);
        UnitObjects out;
        out.has_default_router = by_default;
        add_all(std::move(own.tcp.routers), out.tcp.routers);
        add_all(std::move(own.tcp.middlewares), out.tcp.middlewares);
        add_all(std::move(own.tcp.services), out.tcp.services);
        out.generated = std::move(own.tls.stores.default_store.generated);
        if (!out.generated) return out;
        out.generated->provider = unit_.provider;
        out.generated->units = {unit_.name, *unit_.source};
        return out;
    }

 private:
    [[nodiscard]] std::string key_of(const std::string& name) const {
        return qualified_name(name, unit_.provider);
    }

    template <class Object>
    void add_all(std::map<std::string, Object> own, std::map<std::string, Object>& out) const {
        for (auto& [name, object] : own) {
            object.units = {unit_.name, *unit_.source};
            out.try_emplace(key_of(name), std::move(object));
        }
    }

    void fill_rule(RouterDraft& router) const {
        if (unit_.default_rule.empty()) {
            problems_.error(codes::missing, router.at, "\"rule\" is missing");
            return;
        }
        router.rule.emplace().value = unit_.default_rule;
        router.rule->at = router.at;
    }

    /// What says of no router where it belongs goes where such units belong.
    bool add_default_router(TcpDraft& own) const {
        if (unit_.default_rule.empty() || own.services.size() > 1) return false;
        RouterDraft& router = own.routers[unit_.name];
        router.at.file = unit_.source;
        router.written = unit_.default_rule;
        fill_rule(router);
        return true;
    }

    void fill_servers(ServiceDraft& service) const {
        if (!service.load_balancer) return;
        LoadBalancerDraft& balancer = *service.load_balancer;
        if (balancer.servers_given && !balancer.containers.empty())
            problems_.error(codes::duplicate,
                            balancer.containers.front().at,
                            "\"server\" and \"servers\" exclude each other",
                            "keep one of the two");
        if (!balancer.servers_given && balancer.containers.empty())
            balancer.containers.push_back({balancer.at, {}, std::nullopt});
        for (ContainerServerDraft& container : balancer.containers) container.name = unit_.name;
    }

    void fill_service(RouterDraft& router, const std::map<std::string, ServiceDraft>& services) {
        if (router.service) return;
        Text text;
        text.at = router.at;
        text.value = services.empty() ? unit_.name : services.begin()->first;
        text.unknown = services.size() > 1;
        if (services.empty()) names_itself_ = true;
        if (text.unknown)
            problems_.error(codes::missing,
                            router.at,
                            "\"service\" is missing, and the labels define several services",
                            "name one of them");
        router.service = std::move(text);
    }

    /// A container without services labels serves under the one service name its routers use.
    void add_own_service(TcpDraft& own) {
        std::map<std::string, const Text*> wanted;
        for (const auto& [name, router] : own.routers) {
            const Text& service = *router.service;
            const bool is_own_name = names_itself_ && service.value == unit_.name;
            const bool is_of_files =
                files_.tcp.services.contains(qualified_name(service.value, file_provider));
            const std::string key = key_of(service.value);
            const bool is_own_reference = key.ends_with('@' + unit_.provider);
            if (service.unknown || service.value.empty() || !is_own_reference) continue;
            if (is_own_name || !is_of_files) wanted.try_emplace(key, &service);
        }
        if (wanted.size() != 1) return;
        const auto& [key, text] = *wanted.begin();
        ServiceDraft service;
        service.at = text->at;
        service.load_balancer.emplace();
        service.load_balancer->at = text->at;
        service.load_balancer->containers.push_back({text->at, unit_.name, std::nullopt});
        if (!names_itself_)
            problems_.note(codes::container_service,
                           text->at,
                           "no labels and no file define the service " + in_quotes(text->value) +
                               ": the container itself is what serves it");
        own.services.emplace(key.substr(0, key.rfind('@')), std::move(service));
    }

    /// What two containers say of one object is compared as they wrote it.
    static void note_written(TcpDraft& own, std::optional<TreeNode> tcp) {
        for_each(option_in(tcp, "routers"), own.routers, [](RouterDraft& router, TreeNode node) {
            router.written = router.service->value + '\n' +
                             (router.rule ? router.rule->value : std::string()) + '\n' +
                             in_one_form(node);
        });
        for_each(option_in(tcp, "middlewares"),
                 own.middlewares,
                 [](MiddlewareDraft& middleware, TreeNode node) {
                     middleware.written = in_one_form(node);
                 });
    }

    template <class Object, class Note>
    static void for_each(std::optional<TreeNode> written,
                         std::map<std::string, Object>& objects,
                         Note note) {
        for (std::size_t i = 0; written && i < written->size(); ++i) {
            if (written->kind() != NodeKind::map) return;
            const auto found = objects.find(std::string(written->key(i).text()));
            if (found != objects.end()) note(found->second, written->value(i));
        }
    }

    const LabelledUnit& unit_;
    const Draft& files_;
    Problems& problems_;
    bool names_itself_ = false;
};

/// Puts the objects of files with labels together, where the first of a name counts.
class LabelFileObjects {
 public:
    LabelFileObjects(Draft& draft, Problems& problems) : draft_(draft), problems_(problems) {}

    void add(UnitObjects own) {
        for (auto& [name, router] : own.tcp.routers)
            add_once("router", name, std::move(router), draft_.tcp.routers);
        for (auto& [name, middleware] : own.tcp.middlewares)
            add_once("middleware", name, std::move(middleware), draft_.tcp.middlewares);
        for (auto& [name, service] : own.tcp.services) add_service(name, std::move(service));
        if (own.generated) add_generated_default(std::move(*own.generated));
    }

 private:
    template <class Object>
    void add_once(std::string_view what,
                  const std::string& name,
                  Object object,
                  std::map<std::string, Object>& objects) {
        const model::Location at = object.at;
        const std::string written = object.written;
        const auto [known, fresh] = objects.try_emplace(name, std::move(object));
        if (fresh || known->second.written == written) return;
        const int line = known->second.at.line;
        problems_.error(codes::duplicate,
                        at,
                        "another container defines the " + std::string(what) + ' ' +
                            in_quotes(name.substr(0, name.rfind('@'))) + " differently",
                        line > 0 ? "it stands first in line " + std::to_string(line) : "");
    }

    void add_generated_default(GeneratedCertificateDraft own) {
        auto& known = draft_.tls.stores.default_store.generated;
        if (known)
            problems_.error(codes::duplicate,
                            own.at,
                            "\"defaultGeneratedCert\" is defined elsewhere too",
                            "keep one of the two");
        else
            known = std::move(own);
    }

    /// Several containers may be the servers of one service.
    void add_service(const std::string& name, ServiceDraft service) {
        auto containers = service.load_balancer
                              ? std::exchange(service.load_balancer->containers, {})
                              : std::vector<ContainerServerDraft>{};
        ServiceDraft& kept =
            draft_.tcp.services.try_emplace(name, std::move(service)).first->second;
        if (!kept.load_balancer) return;
        for (ContainerServerDraft& container : containers)
            kept.load_balancer->containers.push_back(std::move(container));
    }

    Draft& draft_;
    Problems& problems_;
};

void report_none(const LabelledUnit& unit,
                 const std::vector<std::string>& prefixes,
                 Problems& problems) {
    std::string all;
    for (const std::string& prefix : prefixes)
        all += (all.empty() ? "" : " or ") + in_quotes(prefix + '.');
    problems.warning(codes::nothing_labelled,
                     {unit.source, 0, 0, {}},
                     "no label of " + in_quotes(unit.name) + " begins with " + all);
}

}  // namespace

UnitObjects read_unit(const LabelledUnit& unit,
                      const std::vector<std::string>& prefixes,
                      const Draft& files,
                      Problems& problems) {
    const std::size_t errors_before = problems.errors();
    const LabelReading reading{prefixes, unit.source};
    const ParsedLabels labels = parse_labels(unit.labels, reading, problems);
    UnitObjects out;
    if (!labels.enable.value_or(true)) {
        out.is_refused = problems.errors() > errors_before;
        out.count = labels.count;
        return out;
    }
    const Environment no_environment;
    const Source source{unit.source, {}, {}, no_environment, false, problems, &labels.paths};
    const TreeNode root = labels.parsed.tree.node(labels.parsed.root);
    out = LabelledObjects(unit, files, problems).read(decode(source, root), root);
    out.count = labels.count;
    out.is_refused = labels.count > labels_max;
    return out;
}

void add_labelled(const LabelledUnit& unit,
                  const std::vector<std::string>& prefixes,
                  Draft& draft,
                  Problems& problems) {
    UnitObjects objects = read_unit(unit, prefixes, draft, problems);
    if (objects.count == 0) report_none(unit, prefixes, problems);
    LabelFileObjects(draft, problems).add(std::move(objects));
}

}  // namespace mesh::config
