#pragma once
#include <ctime>

namespace mesh::test {

/// Seconds of this process's work, which other processes do not stretch.
inline double cpu_seconds() {
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

/// Of this process's work. Far more than it takes with sanitizers, far less than anything
/// quadratic.
constexpr double patience = 100;

}  // namespace mesh::test
