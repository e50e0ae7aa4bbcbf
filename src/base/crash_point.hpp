#pragma once
#include <string_view>

namespace mesh {

/// A moment after which a killed process must find its way back: the two sides of every commit, of
/// every request to a CA, of every publication. Named "moment:what", such as
/// "before-request:newOrder". Thread-safe.
///
/// Only with the CMake option MESH_TEST_HOOKS; a release build has nothing here. There
/// MESH_TEST_CRASH_AT=name[:n] kills the process (SIGKILL) when it passes that point for the n-th
/// time, n = 1 if left out, and MESH_TEST_CRASH_LIST=file gets a line "name:n" for each passing.
#ifdef MESH_TEST_HOOKS
void crash_point(std::string_view moment, std::string_view what);
#else
inline void crash_point(std::string_view, std::string_view) {}
#endif

}  // namespace mesh
