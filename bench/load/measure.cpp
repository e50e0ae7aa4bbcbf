#include "measure.hpp"

#include "options.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <unistd.h>

namespace mesh::bench {

void Latencies::add(std::chrono::nanoseconds latency) {
    ++counts_[bucket_of(static_cast<std::uint64_t>(std::max<std::int64_t>(latency.count(), 0)))];
    ++total_;
}

std::size_t Latencies::bucket_of(std::uint64_t value) {
    constexpr std::uint64_t linear = 1U << precision;
    if (value < linear) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - precision - 1;
    return ((shift + 1) << precision) + ((value >> shift) & (linear - 1));
}

std::chrono::nanoseconds Latencies::at(double quantile) const {
    const auto wanted =
        static_cast<std::uint64_t>(std::ceil(quantile * static_cast<double>(total_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size() && total_ > 0; ++i) {
        seen += counts_[i];
        if (seen < std::max<std::uint64_t>(wanted, 1)) continue;
        constexpr std::uint64_t linear = 1U << precision;
        if (i < linear) return std::chrono::nanoseconds(i);
        const auto shift = (i >> precision) - 1;
        return std::chrono::nanoseconds((linear + (i & (linear - 1))) << shift);
    }
    return {};
}

CpuClocks::CpuClocks(const std::vector<pid_t>& processes) {
    for (const auto process : processes) {
        clockid_t clock{};
        if (::clock_getcpuclockid(process, &clock) != 0)
            die("no process " + std::to_string(process) + " to watch");
        clocks_.push_back(clock);
    }
}

std::chrono::nanoseconds CpuClocks::read() const {
    std::chrono::nanoseconds sum{};
    for (const auto clock : clocks_) {
        timespec spent{};
        if (::clock_gettime(clock, &spent) != 0) die("a process that was watched has ended");
        sum += std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
    }
    return sum;
}

std::string& Json::key(std::string_view key) {
    body_.append(body_.empty() ? "" : ", ").append("\"").append(key).append("\": ");
    return body_;
}

Json& Json::text(std::string_view name, std::string_view value) {
    auto& to = key(name).append("\"");
    for (const char c : value) {
        if (c == '"' || c == '\\') to += '\\';
        to += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    to += '"';
    return *this;
}

Json& Json::number(std::string_view name, std::uint64_t value) {
    key(name) += std::to_string(value);
    return *this;
}

Json& Json::number(std::string_view name, double value) {
    std::array<char, 32> digits{};
    std::snprintf(digits.data(), digits.size(), "%.9g", value);
    key(name) += digits.data();
    return *this;
}

Json& Json::counts(std::string_view name, const std::map<std::string, std::uint64_t>& values) {
    Json inner;
    for (const auto& [what, count] : values) {
        std::string plain;
        for (const char c : what) plain += c == '"' || c == '\\' ? '\'' : c;
        inner.number(plain, count);
    }
    key(name).append("{").append(inner.body_).append("}");
    return *this;
}

void Json::print() const {
    std::printf("{%s}\n", body_.c_str());
    std::fflush(stdout);
}

void Tally::begin_window() {
    operations = bytes = resumed = 0;
    latencies = {};
}

void run_window(Loop& loop, const Options& options, Tally& tally, const Course& course) {
    const CpuClocks server(options.watch);
    const CpuClocks own({::getpid()});
    if (options.bytes == 0 && options.operations == 0) {
        const auto start = Clock::now();
        loop.run_until(start + options.warmup, course.tick, course.is_over);
        loop.run_until(start + options.deadline, course.tick, course.is_warm);
    }

    tally.begin_window();
    const auto begun = Clock::now();
    const auto server_before = server.read();
    const auto own_before = own.read();
    loop.run_until(begun + options.window, course.tick, course.is_over);
    const auto server_cpu = server.read() - server_before;
    const auto own_cpu = own.read() - own_before;
    const auto wall = Clock::now() - begun;

    const auto seconds = [](auto duration) {
        return std::chrono::duration<double>(duration).count();
    };
    const auto micros = [&](double quantile) {
        return seconds(tally.latencies.at(quantile)) * 1e6;
    };
    Json()
        .text("mode", options.mode)
        .number("operations", tally.operations)
        .number("bytes", tally.bytes)
        .number("resumed", tally.resumed)
        .number("wall_s", seconds(wall))
        .number("server_cpu_s", seconds(server_cpu))
        .number("generator_cpu_s", seconds(own_cpu))
        .number("p50_us", micros(0.5))
        .number("p90_us", micros(0.9))
        .number("p99_us", micros(0.99))
        .number("max_us", micros(1))
        .counts("errors", tally.errors)
        .print();
}

}  // namespace mesh::bench
