#include "config/isolate.hpp"

#include "config/inherit.hpp"
#include "config/problems.hpp"
#include "rules/rule.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <typeinfo>

namespace mesh::config {
namespace {

/// The name behind `prefix` in a path like "tcp.routers.shop.v2.tls": the longest that is defined,
/// because names may hold dots.
template <class T>
std::optional<std::string> named_in(std::string_view path,
                                    std::string_view prefix,
                                    const std::map<std::string, T>& now,
                                    const std::map<std::string, T>* before) {
    if (!path.starts_with(prefix)) return std::nullopt;
    std::string name(path.substr(prefix.size()));
    while (!now.contains(name) && !(before != nullptr && before->contains(name))) {
        const std::size_t cut = name.find_last_of(".[");
        if (cut == std::string::npos) return std::nullopt;
        name.resize(cut);
    }
    return name;
}

bool has_default_options(const RouterDraft& router) {
    if (!router.tls || router.tls->passthrough) return false;
    return !router.tls->options || router.tls->options->value == "default" ||
           router.tls->options->value.empty();
}

/// Routers under the default TLS options, by what their entry points fill in too.
std::vector<std::string> routers_with_default_options(Draft filled) {
    Problems told_elsewhere;
    inherit_from_entry_points(filled, told_elsewhere);
    std::vector<std::string> names;
    for (const auto& [name, router] : filled.tcp.routers)
        if (has_default_options(router)) names.push_back(name);
    return names;
}

bool stands_in(const model::Location& at, const std::string& file) {
    return at.file && *at.file == file;
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
    for (const Finding& finding : findings)
        if (finding.severity == Severity::error && !take_out(finding)) return false;
    consequences_ = true;
    return true;
}

bool Isolator::concerns_provider(const Finding& error) const {
    return files_.contains(error.file);
}

bool Isolator::take_out(const Finding& error) {
    const auto* const before = last_good_;
    if (const auto name = named_in(error.path,
                                   "tcp.routers.",
                                   draft_.tcp.routers,
                                   before != nullptr ? &before->tcp.routers : nullptr))
        return (concerns_provider(error) || consequences_) && take_out_router(*name, error);
    if (!concerns_provider(error)) return false;
    if (error.path.empty()) return replace_file(error);

    // A router that names what is gone then is closed in the next turn.
    if (take_out_named("tcp.services.",
                       draft_.tcp.services,
                       before != nullptr ? &before->tcp.services : nullptr,
                       error) ||
        take_out_named("tcp.middlewares.",
                       draft_.tcp.middlewares,
                       before != nullptr ? &before->tcp.middlewares : nullptr,
                       error))
        return true;
    if (const auto taken = take_out_named("tls.options.",
                                          draft_.tls.options,
                                          before != nullptr ? &before->tls.options : nullptr,
                                          error))
        return !taken->gone || taken->name != "default" || take_out_defaults(error);
    if (error.path.starts_with("tls.certificates[")) {
        std::erase_if(draft_.tls.certificates, [&](const CertificateDraft& certificate) {
            return stands_in(certificate.at, error.file) &&
                   error.path.starts_with(certificate.at.path);
        });
        note(error.path.substr(0, error.path.find(']') + 1), Isolated::State::left_out, error);
        return true;
    }
    return false;
}

/// Nothing if the error is in none of `now` and `before`.
template <class T>
std::optional<Isolator::Taken> Isolator::take_out_named(const std::string& prefix,
                                                        std::map<std::string, T>& now,
                                                        const std::map<std::string, T>* before,
                                                        const Finding& error) {
    const auto name = named_in(error.path, prefix, now, before);
    if (!name) return std::nullopt;
    if (!handled_.insert(prefix + *name).second) return Taken{*name, false};
    const bool restored = restore(now, before, *name);
    note(prefix + *name, restored ? Isolated::State::stale : Isolated::State::left_out, error);
    return Taken{*name, !restored};
}

/// Without the default TLS options the built-in ones would hold, which may ask for less.
bool Isolator::take_out_defaults(const Finding& error) {
    const std::vector<std::string> routers = routers_with_default_options(draft_);
    return std::all_of(routers.begin(), routers.end(), [&](const std::string& router) {
        return take_out_router(router, error);
    });
}

/// The file cannot be taken apart: all that it held stays as it was.
bool Isolator::replace_file(const Finding& error) {
    if (!handled_.insert(error.file).second) return true;
    if (last_good_ == nullptr || !restored_.insert(error.file).second) return false;
    bool any = bring_back(error.file, last_good_->tcp.routers, draft_.tcp.routers);
    any |= bring_back(error.file, last_good_->tcp.services, draft_.tcp.services);
    any |= bring_back(error.file, last_good_->tcp.middlewares, draft_.tcp.middlewares);
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

bool Isolator::take_out_router(const std::string& name, const Finding& error) {
    const std::string path = "tcp.routers." + name;
    if (!handled_.insert(path).second) return true;
    if (last_good_ != nullptr && last_good_->tcp.routers.contains(name) &&
        restored_.insert(path).second) {
        draft_.tcp.routers[name] = last_good_->tcp.routers.at(name);
        note(path,
             draft_.tcp.routers[name].closed ? Isolated::State::closed : Isolated::State::stale,
             error);
        return true;
    }
    const auto found = draft_.tcp.routers.find(name);
    if (found == draft_.tcp.routers.end() || found->second.closed) return false;
    RouterDraft& router = found->second;
    // What its rule matches has to be known to be refused.
    if (!router.rule || router.rule->unknown || !rules::Rule::parse(router.rule->value))
        return false;
    // A section that cannot be read says all the same that the router is one for TLS.
    if (error.path.starts_with(path + ".tls") && !router.tls) router.tls.emplace();
    router.closed = true;
    note(path, Isolated::State::closed, error);
    return true;
}

/// True: the form of before is back. False: it is gone.
template <class T>
bool Isolator::restore(std::map<std::string, T>& now,
                       const std::map<std::string, T>* before,
                       const std::string& name) {
    const bool first_time = restored_.insert(std::string(typeid(T).name()) + name).second;
    if (first_time && before != nullptr) {
        if (const auto found = before->find(name); found != before->end()) {
            now[name] = found->second;
            return true;
        }
    }
    now.erase(name);
    return false;
}

void Isolator::note(const std::string& path, Isolated::State state, const Finding& error) {
    for (Isolated& known : isolated_) {
        if (known.path != path) continue;
        known.state = state;  // the first reason is the one to mend
        return;
    }
    Finding line = error;
    line.excerpt.clear();
    isolated_.push_back({path, state, render(line)});
}

}  // namespace mesh::config
