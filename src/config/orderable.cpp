#include "config/orderable.hpp"

#include "base/idn.hpp"
#include "config/codes.hpp"
#include "config/public_names.hpp"

#include <algorithm>
#include <utility>

namespace mesh::config {
namespace {

constexpr std::size_t names_max = 100;

std::string shown(const WantedName& wanted) {
    if (wanted.is_whole_text) return config::shown(*wanted.text);
    if (wanted.text->hidden) return "a name in the substituted rule";
    return '"' + wanted.name.text() + '"';
}

void add_name(Resolution& resolution, const Text& text, WantedNames& names) {
    if (text.unknown) return;
    if (auto name = parse_written_name(text.value)) {
        names.push_back({std::move(*name), &text, true});
    } else {
        resolution.problems().error(codes::bad_value,
                                    text.at,
                                    config::shown(text) + " is not a host name",
                                    "write it like shop.example");
    }
}

void check_name(Resolution& resolution,
                const WantedName& wanted,
                const model::CertResolver& resolver) {
    const auto refuse = [&](std::string_view code, std::string message, std::string hint) {
        resolution.problems().error(code, wanted.text->at, std::move(message), std::move(hint));
    };
    const auto& allowed = resolver.allowed_domains;
    const bool is_allowed =
        allowed.empty() || std::any_of(allowed.begin(), allowed.end(), [&](auto& pattern) {
            return pattern.covers(wanted.name);
        });
    const std::string_view not_public =
        is_lets_encrypt(resolver.ca_server) ? not_public_reason(wanted.name.name()) : "";
    if (wanted.name.is_wildcard())
        refuse(codes::wildcard_needs_dns,
               "a certificate for " + shown(wanted) +
                   " needs a DNS challenge, which is not supported in this version",
               "list the names it stands for in tls.domains");
    else if (!is_allowed)
        refuse(codes::name_not_allowed,
               shown(wanted) + " is not in allowedDomains of resolver \"" + resolver.name + '"',
               {});
    else if (!not_public.empty())
        refuse(codes::name_not_public,
               "Let's Encrypt issues no certificate for " + shown(wanted) + ": " +
                   std::string(not_public),
               "use a public name, or a CA of your own");
}

}  // namespace

std::optional<model::Domain> resolve_domain(Resolution& resolution,
                                            const DomainDraft& draft,
                                            WantedNames& names) {
    if (draft.main) add_name(resolution, *draft.main, names);
    const bool has_main = !names.empty();
    for (const Text& san : draft.sans) add_name(resolution, san, names);
    if (!has_main) return std::nullopt;
    model::Domain domain{names.front().name, {}, draft.at};
    for (auto it = names.begin() + 1; it != names.end(); ++it) domain.sans.push_back(it->name);
    return domain;
}

void check_orderable(Resolution& resolution,
                     const WantedNames& names,
                     const model::CertResolver& resolver) {
    if (names.size() > names_max)
        resolution.problems().error(codes::too_many_names,
                                    names.front().text->at,
                                    "a certificate for " + std::to_string(names.size()) +
                                        " names, more than the " + std::to_string(names_max) +
                                        " a CA puts into one",
                                    "list the names in several entries of tls.domains");
    for (const WantedName& wanted : names) check_name(resolution, wanted, resolver);
}

}  // namespace mesh::config
