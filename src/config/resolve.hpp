#pragma once
#include "config/draft.hpp"
#include "config/field.hpp"
#include "model/configuration.hpp"
#include "rules/rank.hpp"

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>

/// From what was decoded to the model: every value checked, every reference looked up.
namespace mesh::config {

inline constexpr std::string_view file_provider = "file";
/// The path of the one object of labels beside `tcp`.
inline constexpr std::string_view generated_default_path =
    "tls.stores.default.defaultGeneratedCert";

/// The key of an object in the model: its name alone in files, "name@provider" elsewhere. A name
/// that is qualified already stays, but for "@file".
[[nodiscard]] std::string qualified_name(std::string_view name, std::string_view provider);

/// Certificates, keys and CAs that a configuration names.
struct NamedFiles {
    /// They are not looked at: whoever asks reads them himself, and knows what they held.
    const std::set<std::string>* known = nullptr;
    std::vector<std::string> paths;  ///< all, readable or not
};

/// What the parts of the resolution share.
class Resolution {
 public:
    Resolution(const Source& source, const Draft& draft, NamedFiles& files)
        : source_(source), draft_(draft), files_(files) {}

    [[nodiscard]] const Source& source() const { return source_; }
    [[nodiscard]] const Draft& draft() const { return draft_; }
    [[nodiscard]] Problems& problems() const { return source_.problems; }

    /// `path` made absolute. Reports a file that cannot be read; `secret` ones are only a warning
    /// where the secrets are not at hand.
    [[nodiscard]] std::string readable_file(const Text& path, bool secret) const;

    /// The key in `defined` of what an object of `provider` calls `name`: "name@provider" is exact,
    /// a bare name is looked for in the object's own provider and then in the files, unless it is
    /// `claimed`.
    template <class T>
    [[nodiscard]] static std::string key_of(const std::string& name,
                                            std::string_view provider,
                                            const std::map<std::string, T>& defined,
                                            const ClaimedNames::Names& claimed = {}) {
        std::string own = qualified_name(name, provider);
        if (defined.contains(own) || claimed.contains(own)) return own;
        return qualified_name(name, file_provider);
    }

    /// Where a relative path starts: at the folder of the file it stands in.
    [[nodiscard]] std::string folder_of(const Text& path) const;

    /// Reports that `reference` names no `what`, with what may have been meant.
    template <class T>
    void report_unknown(const Text& reference,
                        std::string_view what,
                        const std::map<std::string, T>& defined) {
        std::vector<std::string> names;
        if (may_compare(defined.size()))
            for (const auto& [name, ignored] : defined) names.push_back(name);
        report_unknown(reference, what, names);
    }

    model::Configuration out;
    /// Routers that a wrong reference keeps out of the model; there is advice on them all the same.
    std::map<std::string, model::Router> incomplete_routers;

 private:
    /// Looking for the nearest name is worth some time, but not for every line of a large file.
    [[nodiscard]] bool may_compare(std::size_t names);
    void report_unknown(const Text& reference,
                        std::string_view what,
                        const std::vector<std::string>& names) const;

    const Source& source_;
    const Draft& draft_;
    NamedFiles& files_;
    std::size_t comparisons_left_ = 200'000;
};

/// Reports what is none.
[[nodiscard]] std::vector<IpNetwork> resolve_networks(Resolution& resolution,
                                                      const std::vector<Text>& texts);

void resolve_entry_points(Resolution& resolution);
void resolve_resolvers(Resolution& resolution);
void resolve_servers_transports(Resolution& resolution);
/// After the transports.
void resolve_services(Resolution& resolution);
/// Shares are exact over one round of the servers, so a round must have an end: reports one that is
/// too long. (Of servers that come and go it is cut short instead.)
void check_weights(Resolution& resolution, const model::Service& service);
/// Those made of other services.
void resolve_weighted_services(Resolution& resolution);
void resolve_middlewares(Resolution& resolution);
void resolve_tls(Resolution& resolution);
void resolve_log(Resolution& resolution);
void resolve_providers(Resolution& resolution);
[[nodiscard]] std::vector<std::string> resolve_cipher_suites(Resolution& resolution,
                                                             const TlsOptionsDraft& draft);
[[nodiscard]] std::vector<model::Located<std::string>> resolve_curves(Resolution& resolution,
                                                                      const TlsOptionsDraft& draft);
/// After the others: routers refer to all of them.
void resolve_routers(Resolution& resolution);

[[nodiscard]] rules::Rank rank_of(const model::Router& router);

/// Advice on a configuration that works, but perhaps not as meant.
void lint(Resolution& resolution);
/// The part of it that compares routers with each other.
void lint_routers(Resolution& resolution);

/// Advice costs more than all the rest, and serves nobody on what is not applied.
enum class Lint { always, when_right };

/// All of the above, after routers have taken what they leave to their entry points.
[[nodiscard]] model::Configuration resolve(const Source& source,
                                           Draft draft,
                                           NamedFiles& files,
                                           Lint when = Lint::always);

}  // namespace mesh::config
