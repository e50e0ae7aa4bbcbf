#include "config/isolate.hpp"

#include "config/codes.hpp"
#include "config/inherit.hpp"
#include "config/problems.hpp"
#include "config/quote.hpp"
#include "config/resolve.hpp"
#include "rules/rule.hpp"

#include <algorithm>
#include <utility>

namespace mesh::config {
namespace {

bool has_readable_rule(const RouterDraft& router) {
    return router.rule && !router.rule->unknown && rules::Rule::parse(router.rule->value);
}

/// Whether the error leaves no doubt about the connections that the router takes: its rule, its
/// rank, its entry points, and whether they are TLS ones. `option` is the place within the router.
bool leaves_match_certain(const RouterDraft& router,
                          std::string_view option,
                          const Finding& error) {
    if (!has_readable_rule(router)) return false;
    if (option.empty())
        return error.code == codes::missing || error.code == codes::entry_points_differ;
    if (option.starts_with(".tls.")) return router.tls.has_value();
    // An option that is not known may be one of those that matter, misspelled.
    if (error.code == codes::unknown_option) return false;
    // A closed router that names an entry point that is not there is one on all.
    if (option == ".entryPoints" || option.starts_with(".entryPoints["))
        return error.code == codes::unknown_reference;
    return option == ".service" || option == ".onRemove" || option == ".middlewares" ||
           option.starts_with(".middlewares[");
}

bool has_default_options(const RouterDraft& router, const Draft& draft) {
    if (router.closed || !router.tls || router.tls->passthrough) return false;
    const auto& options = router.tls->options;
    return !options || options->value.empty() ||
           Resolution::key_of(options->value, router.provider, draft.tls.options) == "default";
}

/// Routers under the default TLS options, by what their entry points fill in too.
std::vector<std::string> routers_with_default_options(Draft filled) {
    Problems told_elsewhere;
    inherit_from_entry_points(filled, told_elsewhere);
    std::vector<std::string> names;
    // Labels whose rule cannot be read make no router at all.
    for (const auto& [name, router] : filled.tcp.routers)
        if (has_default_options(router, filled) &&
            (router.units.empty() || has_readable_rule(router)))
            names.push_back(name);
    return names;
}

bool stands_in(const model::Location& at, const std::string& file) {
    return at.file && *at.file == file;
}

template <class T>
bool any_stands_in(const std::map<std::string, T>& objects, const std::string& file) {
    return std::any_of(objects.begin(), objects.end(), [&](const auto& object) {
        return stands_in(object.second.at, file);
    });
}

/// Whether anything of the file is in the draft.
bool is_decoded(const Draft& draft, const std::string& file) {
    const auto& certificates = draft.tls.certificates;
    const StoreDraft& store = draft.tls.stores.default_store;
    return any_stands_in(draft.tcp.routers, file) || any_stands_in(draft.tcp.services, file) ||
           any_stands_in(draft.tcp.middlewares, file) ||
           any_stands_in(draft.tcp.servers_transports, file) ||
           any_stands_in(draft.tls.options, file) ||
           std::any_of(certificates.begin(),
                       certificates.end(),
                       [&](const CertificateDraft& one) { return stands_in(one.at, file); }) ||
           (store.default_certificate && stands_in(store.default_certificate->at, file)) ||
           (store.generated && stands_in(store.generated->at, file));
}

/// What `before` has from `file` and `now` lacks. True if there was anything from it.
template <class T>
bool bring_back(const std::string& file,
                const std::map<std::string, T>& before,
                std::map<std::string, T>& now) {
    bool any = false;
    for (const auto& [name, object] : before) {
        if (!stands_in(object.at, file)) continue;
        any = true;
        now.emplace(name, object);
    }
    return any;
}

template <class T>
bool bring_back(const std::string& file, const std::optional<T>& before, std::optional<T>& now) {
    if (!before || !stands_in(before->at, file)) return false;
    if (!now) now = before;
    return true;
}

}  // namespace

std::string_view to_string(Isolated::State state) {
    switch (state) {
        case Isolated::State::stale:
            return "stale";
        case Isolated::State::closed:
            return "closed";
        case Isolated::State::left_out:
            return "left out";
    }
    return "";
}

bool Isolator::take_out(const std::vector<Finding>& findings) {
    handled_.clear();
    list_objects();
    for (const Finding& finding : findings)
        if (finding.severity == Severity::error && !take_out(finding)) return false;
    consequences_ = true;
    return close_default_options();
}

bool Isolator::replace_files(std::vector<Finding>& findings) {
    handled_.clear();
    const auto is_of_a_file = [this](const Finding& finding) {
        return finding.severity == Severity::error && finding.path.empty() &&
               concerns_provider(finding);
    };
    for (const Finding& finding : findings)
        if (is_of_a_file(finding) && !replace_file(finding)) return false;
    std::erase_if(findings, is_of_a_file);
    return true;
}

void Isolator::list_objects() {
    objects_.clear();
    list_objects(Kind::router, "tcp.routers.", draft_.tcp.routers);
    list_objects(Kind::service, "tcp.services.", draft_.tcp.services);
    list_objects(Kind::middleware, "tcp.middlewares.", draft_.tcp.middlewares);
    list_objects(Kind::servers_transport, "tcp.serversTransports.", draft_.tcp.servers_transports);
    list_objects(Kind::tls_options, "tls.options.", draft_.tls.options);
}

template <class T>
void Isolator::list_objects(Kind kind,
                            std::string_view prefix,
                            const std::map<std::string, T>& objects) {
    for (const auto& [name, ignored] : objects) {
        const auto [known, fresh] =
            objects_.try_emplace(std::string(prefix) + printable(name), Object{kind, name});
        if (!fresh) known->second.is_only = false;
    }
}

/// Nothing when it may be about more than one object, or about one that is not in the draft. Names
/// may hold dots: "tcp.routers.shop.tls" may be a router or an option of one.
std::optional<Isolator::Concern> Isolator::concern_of(const Finding& error) const {
    if (error.code == codes::bad_name) return std::nullopt;
    const std::string_view path = error.path;
    std::optional<Concern> concern;
    for (std::size_t end = 0; end < path.size();) {
        end = std::min(path.find('.', end + 1), path.size());
        const auto found = objects_.find(path.substr(0, end));
        if (found == objects_.end()) continue;
        const auto& [known, object] = *found;
        if (concern || !object.is_only) return std::nullopt;
        const std::string prefix = known.substr(0, known.size() - printable(object.name).size());
        concern = Concern{object.kind, object.name, prefix + object.name, path.substr(end)};
    }
    // The draft has the other one of the same name.
    if (concern && concern->option.empty() && error.code == codes::duplicate) return std::nullopt;
    return concern;
}

bool Isolator::concerns_provider(const Finding& error) const {
    return files_.contains(error.file);
}

bool Isolator::take_out(const Finding& error) {
    const auto concern = concern_of(error);
    if (concern && concern->kind == Kind::router)
        return (concerns_provider(error) || consequences_) && take_out_router(*concern, error);
    if (!concerns_provider(error)) return false;
    if (error.path.empty()) return replace_file(error);
    if (error.path.starts_with("tls.certificates[")) {
        take_out_certificate(error);
        return true;
    }
    if (!concern) return false;
    // A router that names what is gone then is closed in the next turn.
    const Draft* const before = last_good_;
    switch (concern->kind) {
        case Kind::router:
            break;
        case Kind::service:
            take_out_named(draft_.tcp.services,
                           before != nullptr ? &before->tcp.services : nullptr,
                           *concern,
                           error);
            break;
        case Kind::middleware:
            take_out_named(draft_.tcp.middlewares,
                           before != nullptr ? &before->tcp.middlewares : nullptr,
                           *concern,
                           error);
            break;
        case Kind::servers_transport:
            take_out_named(draft_.tcp.servers_transports,
                           before != nullptr ? &before->tcp.servers_transports : nullptr,
                           *concern,
                           error);
            break;
        case Kind::tls_options:
            take_out_named(draft_.tls.options,
                           before != nullptr ? &before->tls.options : nullptr,
                           *concern,
                           error);
            if (!draft_.tls.options.contains(concern->name) && concern->name == "default")
                default_options_gone_ = error;
            break;
    }
    return true;
}

template <class T>
void Isolator::take_out_named(std::map<std::string, T>& now,
                              const std::map<std::string, T>* before,
                              const Concern& concern,
                              const Finding& error) {
    if (!handled_.emplace(concern.path, true).second) return;
    const bool restored = restore(now, before, concern);
    if (!restored) now.erase(concern.name);
    note(concern.path, restored ? Isolated::State::stale : Isolated::State::left_out, error);
}

void Isolator::take_out_certificate(const Finding& error) {
    std::erase_if(draft_.tls.certificates, [&](const CertificateDraft& certificate) {
        return stands_in(certificate.at, error.file) && error.path.starts_with(certificate.at.path);
    });
    note(error.path.substr(0, error.path.find(']') + 1), Isolated::State::left_out, error);
}

/// The file cannot be taken apart: all that it held stays as it was.
bool Isolator::replace_file(const Finding& error) {
    if (!handled_.emplace(error.file, true).second) return true;
    if (last_good_ == nullptr || is_decoded(draft_, error.file)) return false;
    bool any = bring_back(error.file, last_good_->tcp.routers, draft_.tcp.routers);
    any |= bring_back(error.file, last_good_->tcp.services, draft_.tcp.services);
    any |= bring_back(error.file, last_good_->tcp.middlewares, draft_.tcp.middlewares);
    any |=
        bring_back(error.file, last_good_->tcp.servers_transports, draft_.tcp.servers_transports);
    any |= bring_back(error.file, last_good_->tls.options, draft_.tls.options);
    for (const CertificateDraft& certificate : last_good_->tls.certificates) {
        if (!stands_in(certificate.at, error.file)) continue;
        any = true;
        draft_.tls.certificates.push_back(certificate);
    }
    const StoreDraft& store = last_good_->tls.stores.default_store;
    StoreDraft& now = draft_.tls.stores.default_store;
    any |= bring_back(error.file, store.default_certificate, now.default_certificate);
    any |= bring_back(error.file, store.generated, now.generated);
    if (any) note(error.file, Isolated::State::stale, error);
    return any;
}

bool Isolator::take_out_router(const Concern& concern, const Finding& error) {
    const auto [handled, first] = handled_.try_emplace(concern.path, false);
    if (handled->second) return true;
    if (first && restore(draft_.tcp.routers,
                         last_good_ != nullptr ? &last_good_->tcp.routers : nullptr,
                         concern)) {
        handled->second = true;
        const bool closed = draft_.tcp.routers.at(concern.name).closed;
        note(concern.path, closed ? Isolated::State::closed : Isolated::State::stale, error);
        return true;
    }
    // The other errors of one that is closed already count as well: each may leave a doubt.
    return leaves_match_certain(draft_.tcp.routers.at(concern.name), concern.option, error) &&
           close(concern.name, error);
}

/// False: nobody knows what would have to be refused.
bool Isolator::close(const std::string& name, const Finding& error) {
    RouterDraft& router = draft_.tcp.routers.at(name);
    if (!has_readable_rule(router)) return false;
    if (!std::exchange(router.closed, true))
        note("tcp.routers." + name, Isolated::State::closed, error);
    return true;
}

/// Without the default TLS options the built-in ones would hold, which may ask for less. At the end
/// of each turn, because routers of before that come back may be under them too.
bool Isolator::close_default_options() {
    if (!default_options_gone_) return true;
    const std::vector<std::string> routers = routers_with_default_options(draft_);
    return std::all_of(routers.begin(), routers.end(), [&](const std::string& name) {
        return close(name, *default_options_gone_);
    });
}

/// Puts the form of before back, if there is one and it was not tried yet.
template <class T>
bool Isolator::restore(std::map<std::string, T>& now,
                       const std::map<std::string, T>* before,
                       const Concern& concern) {
    if (before == nullptr || !restored_.insert(concern.path).second) return false;
    const auto found = before->find(concern.name);
    if (found == before->end()) return false;
    now[concern.name] = found->second;
    return true;
}

void Isolator::note(const std::string& path, Isolated::State state, const Finding& error) {
    const auto [known, fresh] = place_in_isolated_.try_emplace(path, isolated_.size());
    if (!fresh) {
        isolated_[known->second].state = state;  // the first reason is the one to mend
        return;
    }
    Finding line = error;
    line.excerpt.clear();
    isolated_.push_back({path, state, render(line)});
}

}  // namespace mesh::config
