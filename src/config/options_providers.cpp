#include "base/duration.hpp"
#include "config/codes.hpp"
#include "config/options.hpp"
#include "config/reading.hpp"

namespace mesh::config {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds throttle_max = std::chrono::hours{1};
constexpr milliseconds request_timeout_max = std::chrono::minutes{10};
/// A catalog that is asked more often than this has nothing else to do.
constexpr milliseconds refresh_interval_min = std::chrono::seconds{1};
constexpr milliseconds refresh_interval_max = std::chrono::hours{24};

constexpr Choice<bool> on_error_words[] = {
    {"refuse", false},
    {"partial", true},
};

constexpr Option<FileProviderDraft> file_provider_options[] = {
    option<FileProviderDraft>(
        "filename",
        "path",
        "",
        "A further file with `tcp` and `tls`.",
        [](const Field& field, FileProviderDraft& out) { out.filename = field.text(); }),
    option<FileProviderDraft>(
        "directory",
        "path",
        "",
        "A folder: every `*.yaml`, `*.yml` and `*.toml` in it and below it, in order of their "
        "paths; names that begin with a dot are left out. Not beside `filename`.",
        [](const Field& field, FileProviderDraft& out) { out.directory = field.text(); }),
    option<FileProviderDraft>(
        "watch",
        "boolean",
        "true",
        "Whether a change of these files is applied by itself, 0.3 s after the last one.",
        [](const Field& field, FileProviderDraft& out) { out.watch = field.boolean(); }),
    option<FileProviderDraft>(
        "onError",
        "refuse or partial",
        "refuse",
        "`refuse` applies all files or nothing. `partial` leaves out what is wrong in these files: "
        "an object that worked before keeps that form, a router that did not is closed, so that "
        "what it matches falls to no other.",
        [](const Field& field, FileProviderDraft& out) {
            out.partial = field.choice(on_error_words);
        }),
    foreign<FileProviderDraft>("debugLogGeneratedTemplate"),
};
constexpr Section<FileProviderDraft> file_provider_entry{"providers.file", file_provider_options};

constexpr std::string_view section_of_tls = "section, as in `providers.docker.tls`";

constexpr Option<ProviderTlsDraft> provider_tls_options[] = {
    option<ProviderTlsDraft>(
        "ca",
        "list of paths",
        "the system's",
        "PEM files with the certificates that vouch for the daemon.",
        [](const Field& field, ProviderTlsDraft& out) { out.ca = field.some_texts(); }),
    option<ProviderTlsDraft>(
        "cert",
        "path",
        "none",
        "The certificate that mesh shows, PEM.",
        [](const Field& field, ProviderTlsDraft& out) { out.cert = field.text(); }),
    option<ProviderTlsDraft>(
        "key",
        "path",
        "none",
        "Its key, PEM.",
        [](const Field& field, ProviderTlsDraft& out) { out.key = field.text(); }),
    refused_if_on<ProviderTlsDraft>("insecureSkipVerify",
                                    "mesh always verifies: name the CA of the daemon in tls.ca"),
    foreign<ProviderTlsDraft>("caOptional"),
};
constexpr Section<ProviderTlsDraft> provider_tls_entry{"providers.docker.tls",
                                                       provider_tls_options};

template <class T>
constexpr auto watch_row(std::string_view help) {
    return option<T>("watch", "boolean", "true", help, [](const Field& field, T& out) {
        out.watch = field.boolean();
    });
}

template <class T>
constexpr auto exposed_row(std::string_view help) {
    return option<T>("exposedByDefault", "boolean", "true", help, [](const Field& field, T& out) {
        out.exposed_by_default = field.boolean();
    });
}

/// An empty text means labels without a prefix, so it is not a list of none.
void read_prefixes(const Field& field, LabelProviderDraft& out) {
    if (field.kind() == NodeKind::scalar) {
        Text only = field.text();
        if (only.unknown || only.value.empty()) {
            out.prefixes.emplace().push_back(std::move(only));
            return;
        }
    }
    out.prefixes = field.some_texts();
}

template <class T>
constexpr auto prefix_row(std::string_view help) {
    return option<T>("prefix", "list of names", "mesh", help, [](const Field& field, T& out) {
        read_prefixes(field, out);
    });
}

template <class T>
constexpr auto constraints_row(std::string_view help) {
    return option<T>("constraints", "text", "none", help, [](const Field& field, T& out) {
        out.constraints = field.text();
    });
}

template <class T>
constexpr auto default_rule_row(std::string_view help) {
    return option<T>("defaultRule", "text", "none", help, [](const Field& field, T& out) {
        out.default_rule = field.text();
    });
}

/// Where nothing has a meaning too.
milliseconds duration_or_none(const Field& field, milliseconds max) {
    const Text given = field.text();
    if (given.unknown) return max;
    const auto parsed = parse_duration(given.value);
    return parsed && *parsed == milliseconds{0} ? *parsed : field.duration(max);
}

constexpr Option<DockerDraft> docker_options[] = {
    option<DockerDraft>("endpoint",
                        "text",
                        "unix:///var/run/docker.sock",
                        "Where the daemon listens: `unix:///path`, `tcp://host:port`, `http://` or "
                        "`https://`. With "
                        "`tls`, `tcp://` means `https://`. Podman's socket works as well.",
                        [](const Field& field, DockerDraft& out) { out.endpoint = field.text(); }),
    option<DockerDraft>("tls",
                        "section",
                        "",
                        "How the daemon is verified, and what mesh shows of itself.",
                        [](const Field& field, DockerDraft& out) {
                            read_section(field, provider_tls_section(), out.tls);
                        }),
    watch_row<DockerDraft>("Whether containers that start and stop are followed."),
    exposed_row<DockerDraft>(
        "Whether containers without `mesh.enable` are taken. `false`: only those with "
        "`mesh.enable=true`."),
    prefix_row<DockerDraft>("What labels begin with, in any case; several are allowed, if none "
                            "continues another. `\"\"`: labels without a prefix."),
    constraints_row<DockerDraft>("Which containers are taken: ``Label(`key`, `value`)``, "
                                 "``LabelRegex(`key`, `expression`)`` "
                                 "joined by `&&`, `||`, `!` and parentheses."),
    option<DockerDraft>("network",
                        "text",
                        "the only or first one",
                        "The network whose addresses of containers are used.",
                        [](const Field& field, DockerDraft& out) { out.network = field.text(); }),
    option<DockerDraft>(
        "useBindPortIP",
        "boolean",
        "false",
        "Whether a port that is published on the host is reached there.",
        [](const Field& field, DockerDraft& out) { out.use_bind_port_ip = field.boolean(); }),
    option<DockerDraft>(
        "allowEmptyServices",
        "boolean",
        "false",
        "Whether the routers of a container that is not healthy stay, without a server.",
        [](const Field& field, DockerDraft& out) { out.allow_empty_services = field.boolean(); }),
    default_rule_row<DockerDraft>(
        "The rule of routers that have none: a rule in which `{{ .Name }}`, `{{ .ContainerName "
        "}}`, `{{ normalize .Name }}` and `{{ index .Labels \"key\" }}` stand for what is known of "
        "each."),
    option<DockerDraft>("httpClientTimeout",
                        "duration",
                        "30s",
                        "How long one request to the daemon may take; `0` is the default, as in "
                        "Traefik.",
                        [](const Field& field, DockerDraft& out) {
                            out.http_client_timeout = duration_or_none(field, request_timeout_max);
                        }),
    refused<DockerDraft>("username", "mesh shows a certificate instead: tls.cert and tls.key"),
    refused<DockerDraft>("password", "mesh shows a certificate instead: tls.cert and tls.key"),
};
constexpr Section<DockerDraft> docker_entry{"providers.docker", docker_options};

constexpr Choice<bool> schemes[] = {
    {"http", false},
    {"https", true},
};

constexpr Option<ConsulEndpointDraft> consul_endpoint_options[] = {
    option<ConsulEndpointDraft>(
        "address",
        "text",
        "127.0.0.1:8500",
        "Where the agent listens: `host:port`, `http://`, `https://` or `unix:///path`.",
        [](const Field& field, ConsulEndpointDraft& out) { out.address = field.text(); }),
    option<ConsulEndpointDraft>(
        "scheme",
        "http or https",
        "https with `tls`, else http",
        "What the agent speaks there.",
        [](const Field& field, ConsulEndpointDraft& out) { out.https = field.choice(schemes); }),
    option<ConsulEndpointDraft>(
        "token",
        "text",
        "none",
        "The ACL token of each request. It is never logged.",
        [](const Field& field, ConsulEndpointDraft& out) { out.token = field.text(); }),
    option<ConsulEndpointDraft>(
        "datacenter",
        "text",
        "that of the agent",
        "The datacenter whose services are read.",
        [](const Field& field, ConsulEndpointDraft& out) { out.datacenter = field.text(); }),
    option<ConsulEndpointDraft>("tls",
                                section_of_tls,
                                "",
                                "How the agent is verified, and what mesh shows of itself.",
                                [](const Field& field, ConsulEndpointDraft& out) {
                                    read_section(field, provider_tls_section(), out.tls);
                                }),
    refused<ConsulEndpointDraft>("httpAuth",
                                 "mesh sends no user name: use a token, or tls.cert and tls.key"),
    foreign<ConsulEndpointDraft>("endpointWaitTime"),
};
constexpr Section<ConsulEndpointDraft> consul_endpoint_entry{"providers.consulCatalog.endpoint",
                                                             consul_endpoint_options};

/// A list, or words with commas between them.
void read_checks(const Field& field, ConsulCatalogDraft& out) {
    if (field.kind() != NodeKind::scalar) {
        out.strict_checks = field.some_texts();
        return;
    }
    const Text all = field.text();
    std::vector<Text>& checks = out.strict_checks.emplace();
    if (all.unknown) return;
    for (std::size_t begin = 0; begin <= all.value.size();) {
        const std::size_t end = std::min(all.value.find(',', begin), all.value.size());
        std::string word = all.value.substr(begin, end - begin);
        word.erase(0, std::min(word.find_first_not_of(' '), word.size()));
        word.erase(word.find_last_not_of(' ') + 1);
        checks.push_back(all);
        checks.back().value = std::move(word);
        begin = end + 1;
    }
}

void read_refresh_interval(const Field& field, ConsulCatalogDraft& out) {
    out.refresh_interval = field.duration(refresh_interval_max);
    if (out.refresh_interval < refresh_interval_min)
        field.problems().error(codes::bad_value,
                               field.at(),
                               "expected a duration of at least " + describe(refresh_interval_min));
}

constexpr std::string_view no_consistency =
    "mesh asks in Consul's default mode, where a leader that has just lost its office may still "
    "answer";
constexpr std::string_view no_connect =
    "mesh takes no part in Consul's service mesh: it reaches services at their own addresses";

constexpr Option<ConsulCatalogDraft> consul_catalog_options[] = {
    option<ConsulCatalogDraft>("endpoint",
                               "section",
                               "",
                               "How the agent is reached.",
                               [](const Field& field, ConsulCatalogDraft& out) {
                                   read_section(field, consul_endpoint_section(), out.endpoint);
                               }),
    watch_row<ConsulCatalogDraft>(
        "Whether changes are followed as they happen; else they are seen every "
        "`refreshInterval`. Traefik's default is `false`."),
    option<ConsulCatalogDraft>("refreshInterval",
                               "duration",
                               "15s",
                               "How often the catalogue is read without `watch`.",
                               read_refresh_interval),
    exposed_row<ConsulCatalogDraft>(
        "Whether services without `mesh.enable` are taken. `false`: only those with "
        "`mesh.enable=true`."),
    prefix_row<ConsulCatalogDraft>(
        "What tags begin with, in any case; several are allowed, if none "
        "continues another. `\"\"`: tags without a prefix."),
    constraints_row<ConsulCatalogDraft>(
        "Which services are taken: ``Tag(`tag`)``, ``TagRegex(`expression`)`` joined by `&&`, "
        "`||`, `!` and parentheses."),
    option<ConsulCatalogDraft>(
        "strictChecks",
        "list of names",
        "passing, warning",
        "Instances in one of these states are served from: `passing`, `warning`, `critical`, or "
        "`any`.",
        read_checks),
    default_rule_row<ConsulCatalogDraft>(
        "The rule of routers that have none: a rule in which `{{ .Name }}`, `{{ normalize .Name "
        "}}` and `{{ index .Labels \"key\" }}` stand for what is known of each."),
    // What they allow Consul to answer with, mesh does without.
    foreign<ConsulCatalogDraft>("cache"),
    foreign<ConsulCatalogDraft>("stale"),
    refused_if_on<ConsulCatalogDraft>("requireConsistent", no_consistency),
    refused_if_on<ConsulCatalogDraft>("connectAware", no_connect),
    refused_if_on<ConsulCatalogDraft>("connectByDefault", no_connect),
    // Of use with connectAware alone.
    foreign<ConsulCatalogDraft>("serviceName"),
    refused<ConsulCatalogDraft>("namespaces",
                                "namespaces are Consul Enterprise's; mesh reads the default one"),
};
constexpr Section<ConsulCatalogDraft> consul_catalog_entry{"providers.consulCatalog",
                                                           consul_catalog_options};

constexpr Option<ProvidersDraft> providers_options[] = {
    option<ProvidersDraft>("file",
                           "section",
                           "",
                           "Dynamic configuration in further files.",
                           [](const Field& field, ProvidersDraft& out) {
                               read_section(field, file_provider_section(), out.file);
                           }),
    option<ProvidersDraft>("docker",
                           "section",
                           "",
                           "Containers whose labels define routers and services.",
                           [](const Field& field, ProvidersDraft& out) {
                               read_section(field, docker_section(), out.docker);
                           }),
    option<ProvidersDraft>("consulCatalog",
                           "section",
                           "",
                           "Services of Consul's catalogue whose tags define routers.",
                           [](const Field& field, ProvidersDraft& out) {
                               read_section(field, consul_catalog_section(), out.consul_catalog);
                           }),
    option<ProvidersDraft>(
        "providersThrottleDuration",
        "duration",
        "2s",
        "How long after one change of labels or tags the next is applied at the earliest. Servers "
        "that come and go alone do not wait. `0`: at once.",
        [](const Field& field, ProvidersDraft& out) {
            out.throttle = duration_or_none(field, throttle_max);
        }),
    foreign<ProvidersDraft>("consul"),
    foreign<ProvidersDraft>("ecs"),
    foreign<ProvidersDraft>("etcd"),
    foreign<ProvidersDraft>("http"),
    foreign<ProvidersDraft>("kubernetesCRD"),
    foreign<ProvidersDraft>("kubernetesGateway"),
    foreign<ProvidersDraft>("kubernetesIngress"),
    foreign<ProvidersDraft>("kubernetesIngressNGINX"),
    foreign<ProvidersDraft>("knative"),
    foreign<ProvidersDraft>("nomad"),
    foreign<ProvidersDraft>("plugin"),
    foreign<ProvidersDraft>("redis"),
    foreign<ProvidersDraft>("rest"),
    foreign<ProvidersDraft>("swarm"),
    foreign<ProvidersDraft>("zooKeeper"),
};
constexpr Section<ProvidersDraft> providers_entry{"providers", providers_options};

}  // namespace

const Section<ProvidersDraft>& providers_section() {
    return providers_entry;
}

const Section<FileProviderDraft>& file_provider_section() {
    return file_provider_entry;
}

const Section<DockerDraft>& docker_section() {
    return docker_entry;
}

const Section<ConsulCatalogDraft>& consul_catalog_section() {
    return consul_catalog_entry;
}

const Section<ConsulEndpointDraft>& consul_endpoint_section() {
    return consul_endpoint_entry;
}

const Section<ProviderTlsDraft>& provider_tls_section() {
    return provider_tls_entry;
}

}  // namespace mesh::config
