#pragma once
#include "store/records.hpp"

#include <string_view>

namespace mesh::store {

/// The points of base/crash_point.hpp on the two sides of a commit: "before-commit:order-url" in an
/// open transaction, "after-commit:order-url" when it is on disk and nobody has been told.
#ifdef MESH_TEST_HOOKS
void pass_commit(std::string_view moment, const Transition& transition);
#else
inline void pass_commit(std::string_view, const Transition&) {}
#endif

}  // namespace mesh::store
