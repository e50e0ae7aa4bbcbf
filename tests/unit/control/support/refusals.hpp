#pragma once
#include "unit/control/support/fake_ca.hpp"

#include <optional>
#include <string>
#include <vector>

namespace mesh::control::test {

inline acme::Problem problem(const std::string& type, const std::string& detail) {
    acme::Problem result;
    result.type = "urn:ietf:params:acme:error:" + type;
    result.detail = detail;
    return result;
}

/// Refuses the first `times` requests of a kind.
inline auto refusing(Step step, acme::Failure failure, std::size_t times = 1) {
    return [step, failure, left = times](Step asked, const std::vector<std::string>&) mutable {
        std::optional<acme::Failure> result;
        if (asked == step && left > 0) {
            --left;
            result = failure;
        }
        return result;
    };
}

}  // namespace mesh::control::test
