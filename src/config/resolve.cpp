#include "config/resolve.hpp"

#include "base/nearest.hpp"
#include "base/regular_file.hpp"
#include "config/codes.hpp"
#include "config/files.hpp"
#include "config/inherit.hpp"

#include <utility>

namespace mesh::config {
namespace {

constexpr std::size_t names_listed_max = 8;

std::string listed(const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
    return out;
}

}  // namespace

std::string qualified_name(std::string_view name, std::string_view provider) {
    const std::size_t at = name.rfind('@');
    if (at == std::string_view::npos) {
        std::string key(name);
        if (provider != file_provider) key.append("@").append(provider);
        return key;
    }
    return std::string(name.substr(at + 1) == file_provider ? name.substr(0, at) : name);
}

std::string Resolution::readable_file(const Text& path, bool secret) const {
    if (path.unknown) return {};
    if (path.value.find("-----BEGIN") != std::string::npos) {
        problems().error(codes::bad_value,
                         path.at,
                         "expected the path of a file, got PEM text",
                         "put the text into a file and name it here");
        return {};
    }
    if (path.value.empty()) {
        problems().error(codes::bad_value, path.at, "expected the path of a file, got \"\"");
        return {};
    }
    std::string absolute = absolute_path(path.value, folder_of(path));
    files_.paths.push_back(absolute);
    if (files_.known != nullptr && files_.known->contains(absolute)) return absolute;
    if (const auto readable = check_readable(absolute); !readable) {
        const bool bearable =
            secret && source_.no_secrets && readable.error().code == Errc::not_found;
        problems().add(finding_at(bearable ? Severity::warning : Severity::error,
                                  codes::file_missing,
                                  path.at,
                                  "cannot read " + shown(path) + ": " + readable.error().message));
    }
    return absolute;
}

std::string Resolution::folder_of(const Text& path) const {
    if (!path.at.file || *path.at.file == *source_.file) return source_.folder;
    return config::folder_of(*path.at.file);
}

bool Resolution::may_compare(std::size_t names) {
    if (names > comparisons_left_) return false;
    comparisons_left_ -= names;
    return true;
}

void Resolution::report_unknown(const Text& reference,
                                std::string_view what,
                                const std::vector<std::string>& names) const {
    const auto near = reference.hidden
                          ? std::nullopt
                          : nearest(qualified_name(reference.value, file_provider), names);
    std::string hint;
    if (near) {
        hint = "did you mean \"" + *near + "\"?";
    } else if (!names.empty() && names.size() <= names_listed_max) {
        hint = "defined: " + listed(names);
    }
    problems().error(codes::unknown_reference,
                     reference.at,
                     reference.hidden
                         ? "the substituted value names no " + std::string(what)
                         : "there is no " + std::string(what) + " named " + shown(reference),
                     std::move(hint));
}

std::string log_path(const Resolution& resolution, const std::optional<Text>& path) {
    if (!path || path->unknown || path->value.empty()) return {};
    return absolute_path(path->value, resolution.folder_of(*path));
}

void resolve_logs(Resolution& resolution) {
    const Draft& draft = resolution.draft();
    resolution.out.log = {
        draft.log.level, draft.log.format, log_path(resolution, draft.log.file_path)};
    if (!draft.access_log) return;
    resolution.out.access_log = {draft.access_log->format,
                                 log_path(resolution, draft.access_log->file_path),
                                 draft.access_log->min_duration};
}

model::Configuration resolve(const Source& source, Draft draft, NamedFiles& files, Lint when) {
    inherit_from_entry_points(draft, source.problems);
    Resolution resolution(source, draft, files);
    resolve_entry_points(resolution);
    resolve_resolvers(resolution);
    resolve_servers_transports(resolution);
    resolve_services(resolution);
    resolve_middlewares(resolution);
    resolve_tls(resolution);
    resolve_logs(resolution);
    resolve_providers(resolution);
    resolution.out.workers = draft.workers;
    resolve_routers(resolution);
    if (when == Lint::always || source.problems.errors() == 0) lint(resolution);
    return std::move(resolution.out);
}

}  // namespace mesh::config
