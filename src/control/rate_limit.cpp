#include "control/rate_limit.hpp"

#include "base/ascii.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace mesh::control {

LimitScope limit_scope(const acme::Failure& failure) {
    if (!failure.problem) return LimitScope::authority;
    if (!failure.problem->subproblems.empty()) return LimitScope::certificate;
    std::string text = failure.problem->detail;
    std::transform(text.begin(), text.end(), text.begin(), ascii_lower);
    constexpr std::array<std::string_view, 5> about_names{"too many certificates",
                                                          "exact set",
                                                          "failed authorizations",
                                                          "failed validations",
                                                          "temporarily prevented"};
    const bool names = std::any_of(about_names.begin(), about_names.end(), [&](auto words) {
        return text.find(words) != std::string::npos;
    });
    return names ? LimitScope::certificate : LimitScope::authority;
}

}  // namespace mesh::control
