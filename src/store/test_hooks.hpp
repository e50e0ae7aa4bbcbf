#pragma once
#include "base/log.hpp"

#include <chrono>

namespace mesh::store {

/// Faults that tests ask for through the environment. Compiled in only with the CMake option
/// MESH_TEST_HOOKS (debug and sanitizer builds); otherwise the values are constant zeros.
struct TestHooks {
    /// MESH_TEST_STORE_READ_DELAY_MS: every read takes this much longer.
    std::chrono::milliseconds read_delay{0};
    /// MESH_TEST_STORE_COMMIT_DELAY_MS: every commit holds SQLite's write lock this
    /// much longer.
    std::chrono::milliseconds commit_delay{0};

    /// Logs a warning for each that is set.
    [[nodiscard]] static TestHooks from_environment(Log& log);
};

/// Nothing at all for zero.
void delay(std::chrono::milliseconds time);

/// What `commit_delay` asks for. Says so in the log first: tests wait for that line.
void hold_commit(const TestHooks& hooks, Log& log);

}  // namespace mesh::store
