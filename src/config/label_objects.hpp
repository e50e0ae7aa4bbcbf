#pragma once
#include "config/draft.hpp"
#include "config/label_files.hpp"
#include "config/load.hpp"
#include "config/problems.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace mesh::config {

/// What the labels of one container or service define, under names qualified by its provider.
struct UnitObjects {
    bool has_default_router = false;  ///< one that no label names
    TcpDraft tcp;
    std::optional<GeneratedCertificateDraft> generated;
    std::size_t count = 0;  ///< labels that begin with a prefix
    /// Nothing that it says can be taken: whether it is wanted at all is not readable, or it says
    /// too much.
    bool is_refused = false;
};

/// Reads them. `files` has the files' objects already.
///
/// Where labels leave it out, the container is its own server: a service without servers is served
/// by it, a router without service goes to the one service its labels define or else to one of the
/// container's name, and a container without services serves under the one name its routers use,
/// unless the files define that. A router without rule takes the unit's default rule; a unit of
/// which no label is about routers gets one of its own name with that, to its one service.
[[nodiscard]] UnitObjects read_unit(const LabelledUnit& unit,
                                    const std::vector<std::string>& prefixes,
                                    const Draft& files,
                                    Problems& problems);

/// Adds them to `draft`, as files with labels define them: whatever is wrong is an error, and of
/// two that are different under one name the first stays.
void add_labelled(const LabelledUnit& unit,
                  const std::vector<std::string>& prefixes,
                  Draft& draft,
                  Problems& problems);

}  // namespace mesh::config
