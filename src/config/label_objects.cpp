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
    LabelledObjects(const LabelledUnit& unit, Draft& files, Problems& problems)
        : unit_(unit), files_(files), problems_(problems) {}

    void add(Draft own, TreeNode tree) {
        for (auto& [name, service] : own.tcp.services) fill_servers(service);
        for (auto& [name, router] : own.tcp.routers) {
            router.provider = unit_.provider;
            fill_service(router, own.tcp.services);
        }
        if (own.tcp.services.empty()) add_own_service(own.tcp);
        note_written(own.tcp, tree);
        for (auto& [name, router] : own.tcp.routers)
            add_once("router", name, std::move(router), files_.tcp.routers);
        for (auto& [name, middleware] : own.tcp.middlewares)
            add_once("middleware", name, std::move(middleware), files_.tcp.middlewares);
        for (auto& [name, service] : own.tcp.services) add_service(name, std::move(service));
        add_generated_default(own.tls.stores.default_store);
    }

 private:
    [[nodiscard]] std::string key_of(const std::string& name) const {
        return qualified_name(name, unit_.provider);
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
    static void note_written(TcpDraft& own, TreeNode tree) {
        const auto tcp = option_in(tree, "tcp");
        for_each(option_in(tcp, "routers"), own.routers, [](RouterDraft& router, TreeNode node) {
            router.written = router.service->value + '\n' + in_one_form(node);
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
            const auto found = objects.find(std::string(written->key(i).text()));
            if (found != objects.end()) note(found->second, written->value(i));
        }
    }

    template <class Object>
    void add_once(std::string_view what,
                  const std::string& name,
                  Object object,
                  std::map<std::string, Object>& objects) {
        const model::Location at = object.at;
        const std::string written = object.written;
        const auto [known, fresh] = objects.try_emplace(key_of(name), std::move(object));
        if (fresh || known->second.written == written) return;
        const int line = known->second.at.line;
        problems_.error(codes::duplicate,
                        at,
                        "another container defines the " + std::string(what) + ' ' +
                            in_quotes(name) + " differently",
                        line > 0 ? "it stands first in line " + std::to_string(line) : "");
    }

    void add_generated_default(StoreDraft& own) {
        if (!own.generated) return;
        auto& known = files_.tls.stores.default_store.generated;
        if (known)
            problems_.error(codes::duplicate,
                            own.generated->at,
                            "\"defaultGeneratedCert\" is defined elsewhere too",
                            "keep one of the two");
        else
            known = std::move(own.generated);
    }

    /// Several containers may be the servers of one service.
    void add_service(const std::string& name, ServiceDraft service) {
        auto containers = service.load_balancer
                              ? std::exchange(service.load_balancer->containers, {})
                              : std::vector<ContainerServerDraft>{};
        ServiceDraft& kept =
            files_.tcp.services.try_emplace(key_of(name), std::move(service)).first->second;
        if (!kept.load_balancer) return;
        for (ContainerServerDraft& container : containers)
            kept.load_balancer->containers.push_back(std::move(container));
    }

    const LabelledUnit& unit_;
    Draft& files_;
    Problems& problems_;
    bool names_itself_ = false;
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

void add_labelled(const LabelledUnit& unit,
                  const std::vector<std::string>& prefixes,
                  Draft& draft,
                  Problems& problems) {
    const LabelReading reading{prefixes, unit.source};
    const ParsedLabels labels = parse_labels(unit.labels, reading, problems);
    if (labels.count == 0) report_none(unit, prefixes, problems);
    if (!labels.enable.value_or(true)) return;
    const Environment no_environment;
    const Source source{unit.source, {}, {}, no_environment, false, problems, &labels.paths};
    const TreeNode root = labels.parsed.tree.node(labels.parsed.root);
    LabelledObjects(unit, draft, problems).add(decode(source, root), root);
}

}  // namespace mesh::config
