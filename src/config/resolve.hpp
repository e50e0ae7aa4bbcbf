#pragma once
#include "config/draft.hpp"
#include "config/field.hpp"
#include "model/configuration.hpp"

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>

/// From what was decoded to the model: every value checked, every reference looked up.
namespace mesh::config {

/// What the parts of the resolution share.
class Resolution {
 public:
    Resolution(const Source& source, const Draft& draft) : source_(source), draft_(draft) {}

    [[nodiscard]] const Source& source() const { return source_; }
    [[nodiscard]] const Draft& draft() const { return draft_; }
    [[nodiscard]] Problems& problems() const { return source_.problems; }

    /// `path` made absolute. Reports a file that cannot be read; `secret` ones are only a warning
    /// where the secrets are not at hand.
    [[nodiscard]] std::string readable_file(const Text& path, bool secret) const;

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

 private:
    /// Looking for the nearest name is worth some time, but not for every line of a large file.
    [[nodiscard]] bool may_compare(std::size_t names);
    void report_unknown(const Text& reference,
                        std::string_view what,
                        const std::vector<std::string>& names) const;

    const Source& source_;
    const Draft& draft_;
    std::size_t comparisons_left_ = 200'000;
};

void resolve_entry_points(Resolution& resolution);
void resolve_resolvers(Resolution& resolution);
void resolve_services(Resolution& resolution);
void resolve_tls(Resolution& resolution);
void resolve_log(Resolution& resolution);
/// After the others: routers refer to all of them.
void resolve_routers(Resolution& resolution);

/// Advice on a configuration that works, but perhaps not as meant.
void lint(Resolution& resolution);

/// All of the above.
[[nodiscard]] model::Configuration resolve(const Source& source, const Draft& draft);

}  // namespace mesh::config
