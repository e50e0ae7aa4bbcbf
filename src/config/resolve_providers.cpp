#include "base/ascii.hpp"
#include "config/codes.hpp"
#include "config/daemon_endpoint.hpp"
#include "config/default_rule.hpp"
#include "config/prefixes.hpp"
#include "config/quote.hpp"
#include "config/resolve.hpp"
#include "config/rule_finding.hpp"
#include "rules/constraint.hpp"
#include "rules/rule.hpp"

#include <algorithm>
#include <utility>

namespace mesh::config {
namespace {

constexpr const char* how_to_write_endpoint =
    "write it like unix:///var/run/docker.sock, tcp://192.0.2.7:2376 or "
    "https://consul.example:8501";
constexpr std::size_t token_size_max = 4096;
constexpr std::size_t datacenter_size_max = 64;

bool is_printable_token(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

bool is_datacenter(std::string_view text) {
    return text.size() <= datacenter_size_max && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_';
           });
}

/// `option: ""` is an option left out. One that a substitution left empty is not: what it was to
/// hold is missing, and without it more would be let in than was meant.
bool is_left_out(const std::optional<Text>& text) {
    return !text || (text->value.empty() && !text->hidden && !text->unknown);
}

std::string value_of(const std::optional<Text>& text) {
    return text && !text->unknown ? text->value : std::string();
}

class ProviderResolution {
 public:
    explicit ProviderResolution(Resolution& shared) : shared_(shared) {}

    model::DockerProvider docker(const DockerDraft& draft) {
        model::DockerProvider out;
        add_common(draft, rules::Constraint::Of::labels, out);
        Text by_default;
        by_default.value = "unix:///var/run/docker.sock";
        out.endpoint =
            endpoint(draft.endpoint.value_or(by_default), draft.tls, draft.tls.has_value());
        if (draft.endpoint && is_in_clear(out.endpoint))
            problems().warning(codes::clear_text,
                               draft.endpoint->at,
                               "this daemon is asked without TLS: what it says of containers can "
                               "be read and changed on the way",
                               "use its socket, or https:// and tls");
        out.network = value_of(draft.network);
        out.use_bind_port_ip = draft.use_bind_port_ip;
        out.allow_empty_services = draft.allow_empty_services;
        out.http_client_timeout = draft.http_client_timeout;
        return out;
    }

    model::ConsulCatalogProvider consul_catalog(const ConsulCatalogDraft& draft) {
        model::ConsulCatalogProvider out;
        add_common(draft, rules::Constraint::Of::tags, out);
        const ConsulEndpointDraft agent = draft.endpoint.value_or(ConsulEndpointDraft{});
        Text address;
        address.value = "127.0.0.1:8500";
        if (agent.address) address = *agent.address;
        const bool https = agent.https.value_or(agent.tls.has_value());
        out.endpoint = endpoint(address, agent.tls, https);
        if (agent.https) check_scheme(address, *agent.https, out.endpoint);
        out.token = token(agent.token);
        if (!is_left_out(agent.token) && is_in_clear(out.endpoint))
            problems().warning(codes::clear_text,
                               agent.token->at,
                               "the token is sent without TLS, and can be read on the way",
                               "write an address with https://");
        out.datacenter = datacenter(agent.datacenter);
        if (draft.strict_checks) out.strict_checks = checks(*draft.strict_checks);
        out.refresh_interval = draft.refresh_interval;
        return out;
    }

 private:
    [[nodiscard]] Problems& problems() const { return shared_.problems(); }

    void add_common(const LabelProviderDraft& draft,
                    rules::Constraint::Of of,
                    model::LabelProvider& out) {
        out.watch = draft.watch;
        out.exposed_by_default = draft.exposed_by_default;
        if (draft.prefixes) check_prefixes(*draft.prefixes, problems());
        out.prefixes = prefixes_of(draft);
        out.constraints = constraint(draft.constraints, of);
        if (!is_left_out(draft.default_rule) && !draft.default_rule->unknown) {
            check_rule(*draft.default_rule, of);
            out.default_rule = draft.default_rule->value;
        }
    }

    /// As far as that can be told without a container.
    void check_rule(const Text& text, rules::Constraint::Of of) const {
        const auto usable = check_default_rule(text.value);
        if (!usable)
            problems().error(codes::bad_value,
                             text.at,
                             // The reason quotes the rule.
                             shown(text) + " is not a default rule" +
                                 (text.hidden ? "" : ": " + usable.error().message),
                             "write it like HostSNI(`{{ .Name }}.example.com`)");
        if (of == rules::Constraint::Of::tags && needs_container_name(text.value))
            problems().error(codes::bad_value,
                             text.at,
                             "a service of Consul has no container name, which the default "
                             "rule asks for",
                             "write {{ .Name }} instead of {{ .ContainerName }}");
        const auto example = expand_default_rule(text.value, {"name", "name", {}});
        if (!usable || !example) return;
        const auto rule = rules::Rule::parse(*example);
        if (rule) return;
        Text of_example = text;
        of_example.value = *example;
        if (*example != text.value) of_example.verbatim_column = 0;
        report(of_example, rule.error());
    }

    std::optional<rules::Constraint> constraint(const std::optional<Text>& text,
                                                rules::Constraint::Of of) {
        if (is_left_out(text) || text->unknown) return std::nullopt;
        if (text->value.empty()) {
            problems().error(codes::bad_value,
                             text->at,
                             "the substituted constraint is empty, and would let in everything",
                             "give it a value, or leave the option out");
            return std::nullopt;
        }
        auto parsed = rules::Constraint::parse(text->value, of);
        if (parsed) return std::move(*parsed);
        report(*text, parsed.error());
        return std::nullopt;
    }

    void report(const Text& text, const rules::RuleError& error) const {
        if (text.hidden)
            problems().error(
                codes::bad_rule, text.at, "the substituted value cannot be read as an expression");
        else
            problems().add(finding_in_text(Severity::error, codes::bad_rule, text, error));
    }

    model::ProviderEndpoint endpoint(const Text& text,
                                     const std::optional<ProviderTlsDraft>& tls,
                                     bool https) {
        model::ProviderEndpoint out;
        if (!text.unknown) {
            auto parsed = parse_daemon_endpoint(text.value, https);
            if (parsed)
                out = std::move(*parsed);
            else
                report_endpoint(text, parsed.error());
        }
        if (tls) add_tls(*tls, out);
        return out;
    }

    void report_endpoint(const Text& text, const Error& error) const {
        // What stands before an '@' may well be a password.
        const bool showable = text.value.find('@') == std::string::npos;
        problems().error(
            codes::bad_value,
            text.at,
            (showable ? shown(text) : "this") + " is not where a daemon listens: " + error.message,
            how_to_write_endpoint);
    }

    void add_tls(const ProviderTlsDraft& tls, model::ProviderEndpoint& out) {
        if (!out.url.empty() && (!out.unix_socket.empty() || !out.url.starts_with("https:")))
            problems().error(codes::bad_value,
                             tls.at,
                             "\"tls\" has no effect on a connection without TLS",
                             "leave it out, or write an endpoint with https://");
        for (const Text& file : tls.ca) out.ca_files.push_back(shared_.readable_file(file, false));
        if (tls.cert) out.cert_file = shared_.readable_file(*tls.cert, false);
        if (tls.key) out.key_file = shared_.readable_file(*tls.key, true);
        if (tls.cert.has_value() != tls.key.has_value())
            problems().error(codes::missing,
                             tls.at,
                             tls.cert ? "\"cert\" needs \"key\"" : "\"key\" needs \"cert\"",
                             "name both");
    }

    void check_scheme(const Text& address, bool https, const model::ProviderEndpoint& given) const {
        const bool is_https = given.url.starts_with("https:");
        if (given.url.empty() || is_https == https) return;
        problems().error(codes::bad_value,
                         address.at,
                         given.unix_socket.empty()
                             ? shown(address) + " is not of the scheme that \"scheme\" says"
                             : "there is no TLS on a socket, which \"scheme\" asks for",
                         "leave scheme out");
    }

    /// No message may show it, substituted or not.
    Secret token(const std::optional<Text>& text) const {
        if (is_left_out(text) || text->unknown) return {};
        if (text->value.empty()) {
            problems().error(codes::bad_value,
                             text->at,
                             "the substituted token is empty: Consul would answer with what it "
                             "shows to everybody, if anything",
                             "give it a value, or leave the option out");
            return {};
        }
        if (text->value.size() > token_size_max || !is_printable_token(text->value)) {
            problems().error(
                codes::bad_value,
                text->at,
                "this is not a token: it is longer than 4096 bytes, or holds spaces or "
                "characters beyond ASCII",
                "write the SecretID of the token, like "
                "${file:/etc/mesh/consul-token}");
            return {};
        }
        return Secret(text->value);
    }

    std::string datacenter(const std::optional<Text>& text) const {
        std::string value = value_of(text);
        if (text && !is_datacenter(value))
            problems().error(codes::bad_value,
                             text->at,
                             shown(*text) + " is not the name of a datacenter",
                             "write it like dc1");
        return value;
    }

    std::set<model::CheckStatus> checks(const std::vector<Text>& words) const {
        using model::CheckStatus;
        constexpr std::pair<std::string_view, CheckStatus> known[] = {
            {"passing", CheckStatus::passing},
            {"warning", CheckStatus::warning},
            {"critical", CheckStatus::critical}};
        std::set<CheckStatus> out;
        for (const Text& word : words) {
            const bool any = equal_ignoring_case(word.value, "any");
            bool found = any;
            for (const auto& [name, status] : known) {
                if (!any && !equal_ignoring_case(word.value, name)) continue;
                out.insert(status);
                found = true;
            }
            if (!found)
                problems().error(codes::bad_value,
                                 word.at,
                                 shown(word) + " is not a state of Consul's checks",
                                 "known here: passing, warning, critical, any");
        }
        return out;
    }

    Resolution& shared_;
};

}  // namespace

void resolve_providers(Resolution& resolution) {
    const ProvidersDraft& draft = resolution.draft().providers;
    ProviderResolution providers(resolution);
    if (draft.docker) resolution.out.docker = providers.docker(*draft.docker);
    if (draft.consul_catalog)
        resolution.out.consul_catalog = providers.consul_catalog(*draft.consul_catalog);
    resolution.out.providers_throttle = draft.throttle;
}

}  // namespace mesh::config
