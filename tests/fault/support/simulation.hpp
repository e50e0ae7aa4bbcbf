#pragma once
#include "fault/support/site.hpp"

#include <cstdint>
#include <iosfwd>
#include <random>

namespace mesh::fault {

/// Certificates of many lifetimes over a long time, with a CA that is away now and then and errs at
/// random; everything that varies comes from one seed.
struct Plan {
    std::vector<std::chrono::milliseconds> lifetimes;  ///< one certificate each
    std::chrono::milliseconds span;
    /// From one outage's end to the next one's beginning, on average; they last 1 to 72 h.
    std::chrono::milliseconds between_outages;
    double faults = 0.02;  ///< share of the requests that go wrong
    std::uint64_t seed = 1;
};

struct Outcome {
    std::size_t orders = 0;  ///< made at the CA
    std::size_t needed = 0;  ///< certificates that went live: each needed one
    std::size_t requests = 0;
    std::size_t faults = 0;
    std::size_t outages = 0;
    std::chrono::milliseconds away{0};
    std::size_t gaps = 0;      ///< times a certificate expired before the next one was live
    std::size_t failures = 0;  ///< told of with order_failed
    /// Gaps that a retry the CA allowed could have prevented, in words.
    std::vector<std::string> avoidable;
    std::chrono::milliseconds took{0};  ///< real time
};

[[nodiscard]] Outcome simulate(const Plan& plan);
std::ostream& operator<<(std::ostream& out, const Outcome& outcome);

}  // namespace mesh::fault
