#include "control/order_words.hpp"

#include "acme/printable.hpp"

#include <utility>

namespace mesh::control {
namespace {

std::string_view type_of(acme::FailureClass kind) {
    switch (kind) {
        case acme::FailureClass::unreachable:
            return "mesh:unreachable";
        case acme::FailureClass::rate_limited:
            return "mesh:rateLimited";
        case acme::FailureClass::order_gone:
            return "mesh:orderGone";
        default:
            return "mesh:protocol";
    }
}

}  // namespace

bool may_still_be_validated(acme::AuthorizationStatus status) {
    return status == acme::AuthorizationStatus::pending ||
           status == acme::AuthorizationStatus::unknown;
}

std::string words_of(const acme::Failure& failure) {
    constexpr std::size_t half = 2040;  // of what is kept of a failure
    const bool has_type = failure.problem && !failure.problem->type.empty();
    if (!has_type) return acme::printable(failure.message);
    const std::string words = failure.problem->text();
    if (failure.link.empty() || words.find(failure.link) != std::string::npos)
        return acme::printable(words);
    return acme::printable(words, half) + " (see " + acme::printable(failure.link, half) + ")";
}

OrderFailure describe(const acme::Failure& failure) {
    OrderFailure result;
    const bool has_type = failure.problem && !failure.problem->type.empty();
    result.type =
        has_type ? acme::printable(failure.problem->type) : std::string(type_of(failure.kind));
    result.detail = words_of(failure);
    result.retry_at = failure.retry_at;
    return result;
}

acme::Failure our_failure(acme::FailureClass kind, std::string message) {
    acme::Failure failure;
    failure.kind = kind;
    failure.message = std::move(message);
    return failure;
}

OrderFailure our_finding(const std::string& type, std::string_view detail) {
    OrderFailure result;
    result.type = "mesh:" + type;
    result.detail = acme::printable(detail);
    return result;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text.empty() ? "none" : text;
}

Result<std::vector<HostPattern>> patterns(const std::vector<std::string>& names) {
    std::vector<HostPattern> result;
    result.reserve(names.size());
    for (const std::string& name : names) {
        auto pattern = HostPattern::parse(name);
        if (!pattern) return pattern.error();
        result.push_back(std::move(*pattern));
    }
    return result;
}

}  // namespace mesh::control
