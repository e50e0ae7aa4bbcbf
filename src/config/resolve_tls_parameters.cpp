// Cipher suites and key exchange groups of tls.options.<name>.
#include "base/ascii.hpp"
#include "base/nearest.hpp"
#include "config/codes.hpp"
#include "config/resolve.hpp"
#include "config/tls_names.hpp"

#include <set>
#include <utility>

namespace mesh::config {
namespace {

using model::TlsVersion;

bool speaks(const TlsOptionsDraft& draft, TlsVersion version) {
    return draft.min_version <= version && version <= draft.max_version;
}

std::string did_you_mean(const Text& text, const std::vector<std::string>& names) {
    const auto near = text.hidden ? std::nullopt : nearest(text.value, names);
    return near ? "did you mean \"" + *near + "\"?" : std::string();
}

/// A list of names of one kind, each checked for what is wrong with it alone.
class NameList {
 public:
    NameList(Resolution& resolution, std::string_view what)
        : resolution_(resolution), what_(what) {}

    void unknown(const Text& text, const std::vector<std::string>& names, std::string otherwise) {
        std::string hint = did_you_mean(text, names);
        refuse(codes::bad_value,
               text,
               shown(text) + " is not the name of a " + what_,
               hint.empty() ? std::move(otherwise) : std::move(hint));
    }
    void refuse(std::string_view code, const Text& text, std::string message, std::string hint) {
        whole_ = false;
        resolution_.problems().error(code, text.at, std::move(message), std::move(hint));
    }
    /// False, and reported, when the list has it already.
    bool is_new(const Text& text, std::string_view name) {
        if (seen_.insert(name).second) return true;
        refuse(codes::bad_value, text, "the " + what_ + " stands twice in the list", {});
        return false;
    }
    /// Nothing was wrong with any name, so that what is missing is missing indeed.
    [[nodiscard]] bool whole() const { return whole_; }

 private:
    Resolution& resolution_;
    std::string what_;
    std::set<std::string_view> seen_;
    bool whole_ = true;
};

void no_effect(Resolution& resolution, const TlsOptionsDraft& draft, std::string_view version) {
    resolution.problems().warning(codes::suites_unused,
                                  draft.cipher_suites.at,
                                  "the suites of TLS " + std::string(version) +
                                      " have no effect: minVersion and maxVersion leave it out");
}

/// What the list as a whole leaves to the versions that may be spoken.
void check_reach(Resolution& resolution,
                 const TlsOptionsDraft& draft,
                 const std::set<TlsVersion>& of_versions) {
    if (speaks(draft, TlsVersion::tls12) && !of_versions.contains(TlsVersion::tls12))
        resolution.problems().error(codes::bad_value,
                                    draft.cipher_suites.at,
                                    "the list leaves TLS 1.2 without a cipher suite",
                                    "add one, or write minVersion: VersionTLS13");
    if (!speaks(draft, TlsVersion::tls12) && of_versions.contains(TlsVersion::tls12))
        no_effect(resolution, draft, "1.2");
    if (!speaks(draft, TlsVersion::tls13) && of_versions.contains(TlsVersion::tls13))
        no_effect(resolution, draft, "1.3");
}

}  // namespace

std::vector<std::string> resolve_cipher_suites(Resolution& resolution,
                                               const TlsOptionsDraft& draft) {
    NameList list(resolution, "cipher suite");
    std::vector<std::string> names;
    std::set<TlsVersion> of_versions;
    for (const Text& text : draft.cipher_suites.names) {
        // A signal that servers look for in what clients offer (RFC 7507), always.
        if (equal_ignoring_case(text.value, "TLS_FALLBACK_SCSV")) {
            resolution.problems().warning(codes::ignored,
                                          text.at,
                                          "TLS_FALLBACK_SCSV is not a cipher suite; it is ignored",
                                          "leave it out: mesh heeds it always");
            continue;
        }
        const SuiteName* const suite = suite_named(text.value);
        if (suite == nullptr) {
            list.unknown(text,
                         suite_names(),
                         "write its IANA name, like TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
        } else if (!suite->refused_because.empty()) {
            list.refuse(codes::unsupported,
                        text,
                        "mesh does not offer " + std::string(suite->iana) + ": " +
                            std::string(suite->refused_because),
                        "leave it out");
        } else if (list.is_new(text, suite->iana)) {
            of_versions.insert(suite->version);
            names.emplace_back(suite->iana);
        }
    }
    if (draft.cipher_suites.given && list.whole()) check_reach(resolution, draft, of_versions);
    return names;
}

std::vector<model::Located<std::string>> resolve_curves(Resolution& resolution,
                                                        const TlsOptionsDraft& draft) {
    NameList list(resolution, "curve");
    std::vector<model::Located<std::string>> names;
    bool tls12 = false;
    for (const Text& text : draft.curve_preferences.names) {
        const GroupName* const group = group_named(text.value);
        if (group == nullptr) {
            std::string known;
            for (const std::string& name : group_names())
                known += (known.empty() ? "known: " : ", ") + name;
            list.unknown(text, group_names(), std::move(known));
        } else if (list.is_new(text, group->iana)) {
            tls12 = tls12 || group->tls12;
            names.push_back({std::string(group->iana), text.at});
        }
    }
    const bool lacking = draft.curve_preferences.given && list.whole() && !tls12;
    if (lacking && speaks(draft, TlsVersion::tls12))
        resolution.problems().error(codes::bad_value,
                                    draft.curve_preferences.at,
                                    "the list leaves TLS 1.2 without a curve",
                                    "add X25519, or write minVersion: VersionTLS13");
    return names;
}

}  // namespace mesh::config
