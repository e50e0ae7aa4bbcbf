#pragma once
#include "watch/paths.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

namespace mesh::watch {

/// What the system says of everything watched: device, inode, size, and the times of the last
/// change of content and of anything. Two that are equal mean that nothing was written between.
using FileState =
    std::map<std::string,
             std::tuple<std::uint64_t, std::uint64_t, std::int64_t, std::int64_t, std::int64_t>>;

[[nodiscard]] FileState state_of(const Watched& watched);

}  // namespace mesh::watch
