#include "cli/plan_text.hpp"

#include "base/duration.hpp"
#include "base/time_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace mesh::cli {
namespace {

std::string next_step(const control::PlanLine& line, WallTime now) {
    if (line.next_action == control::NextAction::none) return "nothing";
    std::string text(control::to_string(line.next_action));
    if (line.next_at) text += ", " + when(*line.next_at, now);
    if (!line.why.empty()) text += ": " + line.why;
    return text;
}

std::string describe_order(const control::OpenOrder& order) {
    std::string out = fmt::format("    order     {}, since {}{}\n",
                                  order.status.empty() ? "not made yet" : order.status,
                                  rfc3339(order.created),
                                  order.url.empty() ? "" : ", " + order.url);
    for (const control::OpenOrder::Name& name : order.names)
        out += fmt::format("              {}: {}{}\n",
                           name.name.empty() ? "?" : name.name,
                           name.status.empty() ? "unknown" : name.status,
                           name.responded ? ", the CA was told" : "");
    return out;
}

}  // namespace

std::string counted(std::size_t count, std::string_view what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string when(WallTime at, WallTime now) {
    if (at <= now) return "at once";
    return "in " + describe(at - now) + " (" + rfc3339(at) + ")";
}

std::string describe_line(const control::PlanLine& line, WallTime now) {
    std::string out = fmt::format("{}\n", fmt::join(line.names, ", "));
    out += fmt::format("    state     {}", control::to_string(line.state));
    if (line.not_after)
        out += fmt::format(
            ", until {} ({})",
            rfc3339(*line.not_after),
            *line.not_after > now ? "in " + describe(*line.not_after - now) : "expired");
    out += fmt::format("\n    next      {}\n", next_step(line, now));
    if (line.open_order) out += describe_order(*line.open_order);
    if (!line.serial.empty()) out += fmt::format("    serial    {}\n", line.serial);
    out += fmt::format(
        "    resolver  {} ({})\n", line.resolver.empty() ? "none" : line.resolver, line.directory);
    if (!line.routers.empty())
        out += fmt::format("    routers   {}\n", fmt::join(line.routers, ", "));
    if (line.last_error)
        out += fmt::format("    failed    {}, last at {}: {}: {}\n",
                           counted(line.attempts, "time"),
                           rfc3339(line.last_error->at),
                           line.last_error->type,
                           line.last_error->detail);
    for (const std::string& note : line.notes) out += fmt::format("    note      {}\n", note);
    return out;
}

}  // namespace mesh::cli
