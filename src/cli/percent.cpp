#include "cli/percent.hpp"

#include <algorithm>
#include <string>

namespace mesh::cli {
namespace {

bool is_number(std::string_view text, std::size_t digits_max) {
    return !text.empty() && text.size() <= digits_max &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<double> parse_percent(std::string_view text) {
    const Error bad{Errc::invalid,
                    Origin::config,
                    "expected a percentage such as 20%, got \"" + std::string(text) + "\""};
    if (!text.ends_with('%')) return bad;
    const std::string_view number = text.substr(0, text.size() - 1);
    const std::size_t point = number.find('.');
    const std::string_view whole = number.substr(0, point);
    if (!is_number(whole, 3)) return bad;
    double value = std::stod(std::string(whole));
    if (point != std::string_view::npos) {
        const std::string_view part = number.substr(point + 1);
        if (!is_number(part, 3)) return bad;
        value = std::stod(std::string(whole) + "." + std::string(part));
    }
    if (value > 100) return bad;
    return value / 100;
}

}  // namespace mesh::cli
