#include "cli/explain.hpp"

#include "app/stored_certificates.hpp"
#include "base/idn.hpp"
#include "base/nearest.hpp"
#include "cli/world.hpp"
#include "rules/rank.hpp"
#include "store/store.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <utility>

namespace mesh::cli {
namespace {

/// Room for the entries of a look-up; keys and chains are not read.
constexpr std::size_t no_cache = 0;

Error not_a_target(std::string message) {
    return {Errc::invalid, Origin::internal, std::move(message)};
}

std::vector<certs::EntryPtr> read_stored(const std::string& path) {
    static StderrLog log;
    auto opened = store::open(path, store::Access::read, log);
    auto stored = opened ? (*opened)->served_certificates()
                         : Result<std::vector<store::ServedCertificate>>(opened.error());
    if (stored) return app::stored_entries(*stored);
    if (stored.error().code != Errc::not_found)
        std::fprintf(stderr, "mesh: %s\n", stored.error().message.c_str());
    return {};
}

rules::Rank explained_rank(const model::Router& router) {
    return {router.rule, router.priority, router.provider, router.name};
}

template <class T>
void fill_in(std::map<std::string, T>& defined, const std::string& name) {
    T left_out;
    left_out.name = name;
    defined.emplace(name, std::move(left_out));
}

/// Everything that routers name, and nothing that takes a file which may not be at hand.
void fill_in_what_secrets_hide(model::Configuration& configuration) {
    for (auto& [name, options] : configuration.tls_options) options.client_auth = {};
    for (auto& [name, transport] : configuration.servers_transports) {
        transport.tls = {};
        transport.tls.insecure_skip_verify = true;  // nobody is spoken to here
    }
    for (auto& [name, router] : configuration.routers) {
        fill_in(configuration.services, router.service.value);
        for (const std::string& used : router.entry_points)
            fill_in(configuration.entry_points, used);
        for (const std::string& used : router.middlewares) fill_in(configuration.middlewares, used);
    }
    std::vector<std::string> parts;
    for (const auto& [name, service] : configuration.services)
        for (const model::WeightedService& part : service.services)
            parts.push_back(part.service.value);
    for (const std::string& part : parts) fill_in(configuration.services, part);
}

/// Chooses as a worker does: by its index, in the order of its fallbacks.
class CertificateChoice {
 public:
    explicit CertificateChoice(const Deciding& deciding)
        : deciding_(deciding), index_([](const certs::EntryPtr&) {}, no_cache, clock_) {
        for (const certs::EntryPtr& entry : deciding.stored) index_.put(entry);
        for (const app::FileCertificate& file : deciding.files.certificates)
            index_.put(file.entry, file.credential);
    }

    PresentedCertificate choose(const proxy::Route& route, const Hostname& name) {
        PresentedCertificate out;
        if (route.passthrough) {
            out.source = PresentedCertificate::Source::server;
        } else if (!take(name, route.directory, out) && route.default_when_missing &&
                   !route.sni_strict) {
            take_default(out);
        }
        return out;
    }

 private:
    bool take(const Hostname& name, std::string_view directory, PresentedCertificate& out) {
        const certs::EntryPtr entry = index_.find({name, directory, deciding_.now}).entry;
        if (!entry) return false;
        const app::FileCertificate* const file = deciding_.files.find(entry->id);
        out.source = file != nullptr ? PresentedCertificate::Source::file
                                     : PresentedCertificate::Source::store;
        if (file != nullptr) out.file = file->file;
        for (const HostPattern& one : entry->names) out.names.push_back(one.text());
        out.not_after = entry->not_after;
        out.valid = entry->not_before <= deciding_.now && deciding_.now <= entry->not_after;
        return true;
    }

    void take_default(PresentedCertificate& out) {
        const auto& generated = deciding_.snapshot->generated_default;
        if (generated && take(generated->name, generated->directory, out)) {
            out.source = PresentedCertificate::Source::generated;
            return;
        }
        out.file = deciding_.files.default_file;
        out.source = deciding_.files.default_credential ? PresentedCertificate::Source::fallback
                                                        : PresentedCertificate::Source::self_signed;
    }

    const Deciding& deciding_;
    SystemClock clock_;
    certs::CertificateIndex index_;
};

const model::WantedCertificate* wanted_for(const Deciding& deciding,
                                           const model::Router& router,
                                           const Hostname& name) {
    if (!router.tls || !router.tls->cert_resolver) return nullptr;
    for (const model::WantedCertificate& wanted : deciding.wanted.certificates) {
        if (wanted.resolver != router.tls->cert_resolver->value) continue;
        if (std::any_of(wanted.names.begin(), wanted.names.end(), [&](const HostPattern& one) {
                return one.matches(name);
            }))
            return &wanted;
    }
    return nullptr;
}

/// Of one entry point.
class Explainer {
 public:
    Explainer(const Deciding& deciding, const Hostname& name, CertificateChoice& certificates)
        : deciding_(deciding), name_(name), certificates_(certificates) {}

    Explanation explain(const proxy::EntryPointRoutes& routes) {
        Explanation out;
        out.entry_point = &deciding_.configuration.entry_points.at(routes.name);
        out.plain_only = routes.speaks_plain_only();
        const rules::SniIndex& table = out.plain_only ? routes.plain : routes.tls;
        const auto found = table.lookup({out.plain_only ? nullptr : &name_, std::nullopt, {}});
        const auto& candidates = out.plain_only ? routes.plain_routes : routes.tls_routes;
        if (found) take(*candidates[found->payload], out);
        take_rivals(candidates, out);
        if (!found) out.nearest = nearest_name(candidates);
        return out;
    }

 private:
    const model::Router& router_of(const proxy::Route& route) const {
        return deciding_.configuration.routers.at(route.router);
    }

    void take(const proxy::Route& route, Explanation& out) {
        const model::Router& router = router_of(route);
        out.router = &router;
        out.service = &deciding_.configuration.services.at(router.service.value);
        out.parts = parts_of(*out.service);
        if (!router.tls) return;
        if (!router.tls->passthrough)
            out.options = router.tls->options ? router.tls->options->value : "default";
        out.certificate = certificates_.choose(route, name_);
        out.certificate->wanted = wanted_for(deciding_, router, name_);
    }

    /// The configuration has no rings, and not too many levels.
    std::vector<ExplainedPart> parts_of(const model::Service& service) const {
        std::vector<ExplainedPart> out;
        for (const model::WeightedService& part : service.services) {
            const model::Service& found = deciding_.configuration.services.at(part.service.value);
            out.push_back({&found, part.weight, parts_of(found)});
        }
        return out;
    }

    void take_rivals(const std::vector<proxy::RoutePtr>& candidates, Explanation& out) const {
        for (const proxy::RoutePtr& route : candidates) {
            const model::Router& rival = router_of(*route);
            if (!out.plain_only && !rival.rule.may_match(name_)) continue;
            if (out.router == nullptr ||
                explained_rank(rival).outranks(explained_rank(*out.router)))
                out.unless.push_back(&rival);
        }
        std::sort(out.unless.begin(),
                  out.unless.end(),
                  [](const model::Router* a, const model::Router* b) {
                      return explained_rank(*a).outranks(explained_rank(*b));
                  });
    }

    std::optional<std::string> nearest_name(const std::vector<proxy::RoutePtr>& candidates) const {
        std::vector<std::string> names;
        for (const proxy::RoutePtr& route : candidates)
            names.insert(names.end(), route->names.begin(), route->names.end());
        return nearest(name_.text(), names);
    }

    const Deciding& deciding_;
    const Hostname& name_;
    CertificateChoice& certificates_;
};

}  // namespace

Result<ExplainTarget> parse_explain_target(std::string_view text) {
    std::optional<std::uint16_t> port;
    if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
        const std::string_view digits = text.substr(colon + 1);
        std::uint16_t number = 0;
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), number);
        if (error != std::errc() || end != digits.data() + digits.size() || number == 0)
            return not_a_target("what follows ':' is not a port; write NAME or NAME:PORT");
        port = number;
        text = text.substr(0, colon);
    }
    const auto name = parse_written_name(text);
    if (!name) return name.error();
    if (name->is_wildcard())
        return not_a_target("clients ask for names, not for wildcards; write one of the names");
    return ExplainTarget{name->name(), port};
}

Result<Deciding> look_at_what_decides(model::Configuration configuration,
                                      bool no_secrets,
                                      WallTime now) {
    if (no_secrets) fill_in_what_secrets_hide(configuration);
    app::TlsFiles files = app::load_tls_files(configuration, now);
    auto snapshot =
        proxy::make_snapshot(configuration, files.client_ca_pem, nullptr, files.upstream);
    if (!snapshot) return snapshot.error();
    model::WantedSet wanted = model::wanted_certificates(configuration, files.valid_names(now));
    std::vector<certs::EntryPtr> stored = read_stored(configuration.storage);
    return Deciding{std::move(configuration),
                    std::move(*snapshot),
                    std::move(files),
                    std::move(stored),
                    std::move(wanted),
                    now};
}

std::string_view to_string(PresentedCertificate::Source source) {
    using Source = PresentedCertificate::Source;
    switch (source) {
        case Source::server:
            return "server";
        case Source::file:
            return "file";
        case Source::store:
            return "store";
        case Source::fallback:
            return "default_certificate";
        case Source::generated:
            return "default_generated";
        case Source::self_signed:
            return "self_signed";
        case Source::refused:
            return "none";
    }
    return "";
}

std::vector<Explanation> explain(const Deciding& deciding, const ExplainTarget& target) {
    CertificateChoice certificates(deciding);
    Explainer explainer(deciding, target.name, certificates);
    std::vector<Explanation> out;
    for (const auto& routes : deciding.snapshot->entry_points)
        if (!target.port || routes->address.port == *target.port)
            out.push_back(explainer.explain(*routes));
    return out;
}

}  // namespace mesh::cli
