#pragma once
#include "config/draft.hpp"
#include "config/label_files.hpp"
#include "config/load.hpp"
#include "config/problems.hpp"

#include <string>
#include <vector>

namespace mesh::config {

/// Adds to `draft` what the labels of one container or service say, under names qualified by its
/// provider. `draft` has the files' objects already.
///
/// Where labels leave it out, the container is its own server: a service without servers is served
/// by it, a router without service goes to the one service its labels define or else to one of the
/// container's name, and a container without services serves under the one name its routers use,
/// unless the files define that.
void add_labelled(const LabelledUnit& unit,
                  const std::vector<std::string>& prefixes,
                  Draft& draft,
                  Problems& problems);

}  // namespace mesh::config
