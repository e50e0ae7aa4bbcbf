#include "base/ascii.hpp"
#include "base/idn.hpp"
#include "config/address.hpp"
#include "config/codes.hpp"
#include "config/files.hpp"
#include "config/public_names.hpp"
#include "config/resolve.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace mesh::config {
namespace {

constexpr const char* default_storage = "mesh.db";
constexpr std::size_t email_size_max = 254;  // RFC 5321 §4.5.3.1.3, less the brackets
constexpr std::size_t profile_size_max = 100;

bool is_printable_word(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

/// One address, nothing that means something in a mailto URL (RFC 8555 §7.3).
bool is_email(std::string_view text) {
    const std::size_t at = text.rfind('@');
    return text.size() <= email_size_max && is_printable_word(text) &&
           at != std::string_view::npos && at > 0 && text.find('@') == at &&
           text.find_first_of(",;?&<>\"%") == std::string_view::npos &&
           Hostname::parse(text.substr(at + 1)).has_value();
}

std::string email_of(Resolution& resolution, const AcmeDraft& draft) {
    if (!draft.email || draft.email->unknown || draft.email->value.empty()) return {};
    if (!is_email(draft.email->value))
        resolution.problems().error(codes::bad_value,
                                    draft.email->at,
                                    shown(*draft.email) + " is not an e-mail address",
                                    "write one address, like admin@example.com");
    return draft.email->value;
}

std::string directory_of(Resolution& resolution, const AcmeDraft& draft) {
    if (!draft.ca_server || draft.ca_server->unknown) return std::string(lets_encrypt_directory);
    const Text& server = *draft.ca_server;
    if (equal_ignoring_case(server.value, "letsencrypt"))
        return std::string(lets_encrypt_directory);
    if (equal_ignoring_case(server.value, "letsencrypt-staging"))
        return std::string(lets_encrypt_staging_directory);
    auto url = parse_https_url(server.value);
    if (url) return std::move(*url);
    // What stands before an '@' may well be a password.
    const bool showable = server.value.find('@') == std::string::npos;
    const std::string subject = showable ? shown(server) : "this";
    resolution.problems().error(
        codes::bad_value,
        server.at,
        subject + " is not the URL of a CA's directory: " + url.error().message,
        "write letsencrypt, letsencrypt-staging, or a URL like https://ca.example/directory");
    return {};
}

std::string profile_of(Resolution& resolution, const AcmeDraft& draft) {
    if (!draft.profile || draft.profile->unknown) return {};
    const std::string& profile = draft.profile->value;
    if (profile.size() > profile_size_max || !is_printable_word(profile))
        resolution.problems().error(codes::bad_value,
                                    draft.profile->at,
                                    shown(*draft.profile) + " is not the name of a profile",
                                    "use one the CA lists in its directory");
    return profile;
}

std::vector<HostPattern> allowed_domains_of(Resolution& resolution, const AcmeDraft& draft) {
    std::vector<HostPattern> allowed;
    for (const Text& text : draft.allowed_domains) {
        if (auto pattern = parse_written_name(text.value)) {
            allowed.push_back(std::move(*pattern));
        } else {
            resolution.problems().error(codes::bad_value,
                                        text.at,
                                        shown(text) + " is not a host name",
                                        "write it like shop.example or *.shop.example");
        }
    }
    return allowed;
}

void check_challenge(Resolution& resolution, const AcmeDraft& draft) {
    if (draft.tls_challenge || draft.other_challenge) return;
    resolution.problems().error(
        codes::no_challenge, draft.at, "this resolver has no challenge", "add tlsChallenge: {}");
}

/// The folder a relative store stands in: systemd gives a list with colons, the first is ours.
std::string storage_folder(const Source& source) {
    const auto state = source.environment ? source.environment("STATE_DIRECTORY") : std::nullopt;
    if (!state || state->empty()) return source.folder;
    return absolute_path(state->substr(0, state->find(':')), source.folder);
}

/// All resolvers share one store; the first that names it decides, the others must agree.
class SharedStorage {
 public:
    explicit SharedStorage(Resolution& resolution)
        : resolution_(resolution), folder_(storage_folder(resolution.source())) {}

    void add(const std::string& resolver, const AcmeDraft& draft) {
        if (!draft.storage || draft.storage->unknown) return;
        const Text& storage = *draft.storage;
        if (storage.value.empty() || storage.value.ends_with('/')) {
            resolution_.problems().error(
                codes::bad_value, storage.at, "expected the path of a file, got " + shown(storage));
            return;
        }
        std::string path = absolute_path(storage.value, folder_);
        if (!first_) {
            path_ = std::move(path);
            first_ = &storage;
            first_resolver_ = resolver;
        } else if (path != path_) {
            report(storage);
        }
    }

    [[nodiscard]] std::string path() const {
        return first_ ? path_ : absolute_path(default_storage, folder_);
    }

 private:
    void report(const Text& storage) const {
        resolution_.problems().error(codes::storage_conflict,
                                     storage.at,
                                     shown(storage) + " is another store than " + shown(*first_) +
                                         " of resolver \"" + first_resolver_ + "\" in line " +
                                         std::to_string(first_->at.line),
                                     "all resolvers share one store: name it once");
    }

    Resolution& resolution_;
    std::string folder_;
    std::string path_;
    const Text* first_ = nullptr;
    std::string first_resolver_;
};

/// Resolvers of one CA share its account and the client that speaks to it, so what belongs to
/// these must be the same in all.
class SharedAuthorities {
 public:
    explicit SharedAuthorities(Resolution& resolution) : resolution_(resolution) {}

    void add(const model::CertResolver& resolver, const AcmeDraft& draft) {
        const auto known = [](const std::optional<Text>& text) { return !text || !text->unknown; };
        if (!known(draft.ca_server) || resolver.ca_server.empty()) return;
        const auto [found, added] = first_.try_emplace(resolver.ca_server, First{resolver, &draft});
        if (added) return;
        const auto& [first, first_draft] = found->second;
        const auto right = [&known](const std::optional<Text>& email) {
            return known(email) && (!email || email->value.empty() || is_email(email->value));
        };
        if (resolver.email != first.email && right(draft.email) && right(first_draft->email))
            report("email", draft.email ? draft.email->at : draft.at, first);
        if (known_files(draft) && known_files(*first_draft) &&
            as_set(resolver.ca_certificates) != as_set(first.ca_certificates))
            report("caCertificates",
                   draft.ca_certificates.empty() ? draft.at : draft.ca_certificates.front().at,
                   first);
        if (resolver.ca_system_pool != first.ca_system_pool)
            report("caSystemCertPool", draft.at, first);
        if (resolver.client_timeout != first.client_timeout)
            report("clientTimeout", draft.at, first);
    }

 private:
    struct First {
        model::CertResolver resolver;
        const AcmeDraft* draft;
    };

    static bool known_files(const AcmeDraft& draft) {
        return std::none_of(draft.ca_certificates.begin(),
                            draft.ca_certificates.end(),
                            [](const Text& file) { return file.unknown; });
    }

    template <class Paths>
    static std::set<typename Paths::value_type> as_set(const Paths& paths) {
        return {paths.begin(), paths.end()};
    }

    void report(const std::string& option,
                const model::Location& at,
                const model::CertResolver& first) {
        resolution_.problems().error(
            codes::resolver_conflict,
            at,
            option + " is not that of resolver \"" + first.name + "\" in line " +
                std::to_string(first.at.line) + ", which has the same caServer",
            "resolvers of one CA share its account and its client: write the same in both");
    }

    Resolution& resolution_;
    std::map<std::string, First> first_;  ///< by caServer
};

model::CertResolver resolve_resolver(Resolution& resolution,
                                     const std::string& name,
                                     const AcmeDraft& draft) {
    model::CertResolver resolver;
    resolver.name = name;
    resolver.email = email_of(resolution, draft);
    resolver.ca_server = directory_of(resolution, draft);
    for (const Text& file : draft.ca_certificates)
        resolver.ca_certificates.push_back(resolution.readable_file(file, false));
    resolver.ca_system_pool = draft.ca_system_pool;
    if (!draft.ca_system_pool && draft.ca_certificates.empty())
        resolution.problems().error(codes::missing,
                                    draft.at,
                                    "without the system's certificates and without "
                                    "\"caCertificates\" no CA can be trusted",
                                    "leave caSystemCertPool out, or name the CA's root in "
                                    "caCertificates");
    resolver.key_type = draft.key_type;
    resolver.profile = profile_of(resolution, draft);
    if (draft.preferred_chain && !draft.preferred_chain->unknown)
        resolver.preferred_chain = draft.preferred_chain->value;
    resolver.tls_challenge = draft.tls_challenge;
    resolver.allowed_domains = allowed_domains_of(resolution, draft);
    resolver.client_timeout = draft.client_timeout;
    check_challenge(resolution, draft);
    return resolver;
}

}  // namespace

void resolve_resolvers(Resolution& resolution) {
    SharedStorage storage(resolution);
    SharedAuthorities authorities(resolution);
    for (const auto& [name, draft] : resolution.draft().resolvers) {
        if (!draft.acme) continue;
        model::CertResolver resolver = resolve_resolver(resolution, name, *draft.acme);
        resolver.at = draft.at;
        storage.add(name, *draft.acme);
        authorities.add(resolver, *draft.acme);
        resolution.out.resolvers.emplace(name, std::move(resolver));
    }
    resolution.out.storage = storage.path();
}

}  // namespace mesh::config
