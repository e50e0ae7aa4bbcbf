#include "config/isolate.hpp"

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

bool is_default(const RouterDraft& router) {
    if (!router.tls || router.tls->passthrough) return false;
    return !router.tls->options || router.tls->options->value == "default" ||
           router.tls->options->value.empty();
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

    const auto* const services = before != nullptr ? &before->tcp.services : nullptr;
    if (const auto name = named_in(error.path, "tcp.services.", draft_.tcp.services, services)) {
        if (!handled_.insert("tcp.services." + *name).second) return true;
        const bool restored = restore(draft_.tcp.services, services, *name);
        note("tcp.services." + *name,
             restored ? Isolated::State::stale : Isolated::State::left_out,
             error);
        return true;
    }
    const auto* const options = before != nullptr ? &before->tls.options : nullptr;
    if (const auto name = named_in(error.path, "tls.options.", draft_.tls.options, options)) {
        if (!handled_.insert("tls.options." + *name).second) return true;
        const bool restored = restore(draft_.tls.options, options, *name);
        note("tls.options." + *name,
             restored ? Isolated::State::stale : Isolated::State::left_out,
             error);
        if (restored || *name != "default") return true;
        // Without them the built-in ones would hold, which may ask for less.
        std::vector<std::string> routers;
        for (const auto& [router, draft] : draft_.tcp.routers)
            if (is_default(draft)) routers.push_back(router);
        return std::all_of(routers.begin(), routers.end(), [&](const std::string& router) {
            return take_out_router(router, error);
        });
    }
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

/// The file cannot be taken apart: all that it held stays as it was.
bool Isolator::replace_file(const Finding& error) {
    if (!handled_.insert(error.file).second) return true;
    if (last_good_ == nullptr || !restored_.insert(error.file).second) return false;
    bool any = bring_back(error.file, last_good_->tcp.routers, draft_.tcp.routers);
    any |= bring_back(error.file, last_good_->tcp.services, draft_.tcp.services);
    any |= bring_back(error.file, last_good_->tls.options, draft_.tls.options);
    for (const CertificateDraft& certificate : last_good_->tls.certificates) {
        if (!stands_in(certificate.at, error.file)) continue;
        any = true;
        draft_.tls.certificates.push_back(certificate);
    }
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
