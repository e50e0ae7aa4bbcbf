#include "base/duration.hpp"
#include "base/time_text.hpp"
#include "cli/commands.hpp"
#include "cli/percent.hpp"
#include "cli/world.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace mesh::cli {
namespace {

using Json = nlohmann::ordered_json;

/// As monitoring systems understand exit codes.
enum Verdict { ok = 0, warning = 1, critical = 2, unknown = 3 };

constexpr std::string_view words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

struct Checked {
    Verdict verdict = ok;
    std::vector<std::string> names;
    double left = 0;  ///< of its life, 0 to 1
    std::optional<WallTime> not_after;
    std::string text;
};

struct Thresholds {
    double warn;
    double crit;
};

int complain(const std::string& text) {
    std::printf("UNKNOWN: %s\n", text.c_str());
    return unknown;
}

/// What is left of a life, in its own measure.
Checked check_life(std::vector<std::string> names,
                   WallTime not_before,
                   WallTime not_after,
                   const Thresholds& thresholds,
                   WallTime now) {
    Checked checked;
    checked.names = std::move(names);
    checked.not_after = not_after;
    const auto life = static_cast<double>((not_after - not_before).count());
    const auto left = static_cast<double>((not_after - now).count());
    checked.left = life > 0 ? std::clamp(left / life, 0.0, 1.0) : 0;
    if (now >= not_after) {
        checked.verdict = critical;
        checked.text = "expired at " + rfc3339(not_after);
        return checked;
    }
    checked.verdict = checked.left < thresholds.crit   ? critical
                      : checked.left < thresholds.warn ? warning
                                                       : ok;
    checked.text = fmt::format("{:.0f}% of its life left ({}), until {}",
                               checked.left * 100,
                               describe(not_after - now),
                               rfc3339(not_after));
    return checked;
}

Checked check_line(const control::PlanLine& line, const Thresholds& thresholds, WallTime now) {
    if (line.not_before && line.not_after) {
        Checked checked =
            check_life(line.names, *line.not_before, *line.not_after, thresholds, now);
        if (now < *line.not_before) {
            checked.verdict = critical;
            checked.text = "not valid before " + rfc3339(*line.not_before);
        }
        if (checked.verdict != ok && line.last_error)
            checked.text += "; " + line.last_error->type + ": " + line.last_error->detail;
        return checked;
    }
    Checked checked;
    checked.verdict = critical;
    checked.names = line.names;
    checked.text = "there is no certificate";
    if (line.last_error)
        checked.text += "; " + line.last_error->type + ": " + line.last_error->detail;
    return checked;
}

std::vector<Checked> check_all(const World& world, const Thresholds& thresholds) {
    std::vector<Checked> all;
    for (const control::PlanLine& line : world.certificates().certificates)
        if (line.state != control::CertificateState::unwanted)
            all.push_back(check_line(line, thresholds, world.now));
    for (const ServedFile& file : world.files) {
        Checked checked =
            check_life(file.names, file.not_before, file.not_after, thresholds, world.now);
        checked.text += " (" + file.file + ")";
        all.push_back(std::move(checked));
    }
    // The worst first: what monitoring shows is often one line.
    std::stable_sort(all.begin(), all.end(), [](const Checked& a, const Checked& b) {
        return a.verdict != b.verdict ? a.verdict > b.verdict : a.left < b.left;
    });
    return all;
}

void print_json(const World& world, const std::vector<Checked>& all, Verdict worst) {
    Json document = {{"version", 1},
                     {"verdict", words[worst]},
                     {"pid", world.pid != 0 ? Json(world.pid) : Json(nullptr)},
                     {"certificates", Json::array()}};
    for (const Checked& checked : all)
        document["certificates"].push_back(
            {{"names", checked.names},
             {"verdict", words[checked.verdict]},
             {"life_left", checked.left},
             {"not_after", checked.not_after ? Json(rfc3339(*checked.not_after)) : Json(nullptr)},
             {"text", checked.text}});
    std::printf("%s\n", document.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace

int certs_check(const Common& common, const CertsCheckOptions& options) {
    const auto warn = parse_percent(options.warn);
    if (!warn) return complain("--warn: " + warn.error().message);
    const auto crit = parse_percent(options.crit);
    if (!crit) return complain("--crit: " + crit.error().message);
    if (*crit > *warn) return complain("--crit is above --warn");
    int failed = 0;
    const auto world = look(common.config, failed, Need::certificates);
    if (!world) return complain("nothing can be said (see stderr)");

    const std::vector<Checked> all = check_all(*world, {*warn, *crit});
    const Verdict worst = all.empty() ? ok : all.front().verdict;
    if (common.json) {
        print_json(*world, all, worst);
        return worst;
    }
    for (const Checked& checked : all)
        fmt::print(
            "{}: {}: {}\n", words[checked.verdict], fmt::join(checked.names, ", "), checked.text);
    if (all.empty()) fmt::print("OK: no certificate is wanted\n");
    return worst;
}

}  // namespace mesh::cli
