#pragma once
#include "loop.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <time.h>
#include <vector>

namespace mesh::bench {

struct Options;

/// How often each latency occurred, to within 3 %.
class Latencies {
 public:
    void add(std::chrono::nanoseconds latency);
    /// The latency that the share `quantile` (0 to 1) of all did not exceed; 0 without any.
    [[nodiscard]] std::chrono::nanoseconds at(double quantile) const;

 private:
    static constexpr unsigned precision = 5;  // bits behind the leading one
    static std::size_t bucket_of(std::uint64_t value);

    std::array<std::uint64_t, (64 - precision + 1) << precision> counts_{};
    std::uint64_t total_ = 0;
};

/// The CPU time of processes, to the nanosecond, of all their threads, those that have ended too.
/// (What /proc says may be a tick old.)
class CpuClocks {
 public:
    explicit CpuClocks(const std::vector<pid_t>& processes);
    [[nodiscard]] std::chrono::nanoseconds read() const;

 private:
    std::vector<clockid_t> clocks_;
};

/// One flat JSON object, in the order of the calls.
class Json {
 public:
    Json& text(std::string_view key, std::string_view value);
    Json& number(std::string_view key, std::uint64_t value);
    Json& number(std::string_view key, double value);
    Json& counts(std::string_view key, const std::map<std::string, std::uint64_t>& values);
    /// Writes it as a line to standard output.
    void print() const;

 private:
    std::string& key(std::string_view key);

    std::string body_;
};

/// What happened: errors from the beginning, all else since `begin_window`.
struct Tally {
    std::uint64_t operations = 0;
    std::uint64_t bytes = 0;
    std::uint64_t resumed = 0;
    Latencies latencies;
    std::map<std::string, std::uint64_t> errors;

    void begin_window();
    void failed(const std::string& what) { ++errors[what]; }
};

/// How a run goes, besides by the clock.
struct Course {
    std::function<void()> tick;     ///< called every 100 ms or so
    std::function<bool()> is_warm;  ///< the window waits for it, as long as the deadline allows
    std::function<bool()> is_over;  ///< if set: may end the run early
};

/// Runs the warm-up and the window and prints what came of them.
void run_window(Loop& loop, const Options& options, Tally& tally, const Course& course);

}  // namespace mesh::bench
