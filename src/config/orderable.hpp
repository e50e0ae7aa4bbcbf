#pragma once
#include "config/resolve.hpp"

#include <optional>
#include <vector>

/// Names to order certificates for, and what a CA would refuse of them.
namespace mesh::config {

/// A name of a certificate to order, with the text it was written in.
struct WantedName {
    HostPattern name;
    const Text* text;
    bool is_whole_text;  ///< the text is the name, not a rule that holds it
};
using WantedNames = std::vector<WantedName>;

/// `main` and `sans`; reports what is no host name. Nothing without a usable `main`. `names` gets
/// all of them, and refers to the texts of `draft`.
[[nodiscard]] std::optional<model::Domain> resolve_domain(Resolution& resolution,
                                                          const DomainDraft& draft,
                                                          WantedNames& names);

/// Reports what the resolver could only fail to get a certificate for.
void check_orderable(Resolution& resolution,
                     const WantedNames& names,
                     const model::CertResolver& resolver);

}  // namespace mesh::config
