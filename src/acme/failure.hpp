#pragma once
#include "acme/types.hpp"
#include "base/result.hpp"
#include "http/client.hpp"

#include <string>
#include <string_view>

namespace mesh::acme {

/// What a request is about. The same problem type means different things for different ones.
enum class Step {
    directory,
    nonce,
    new_account,
    new_order,
    order,
    authorization,
    challenge,
    finalize,
    certificate,
};
[[nodiscard]] std::string_view to_string(Step step);

/// One request as messages name it.
struct Asked {
    Step step;
    std::string url;
};

/// The class of a problem the CA pronounced in answer to a request (docs/acme-errors.md).
[[nodiscard]] FailureClass classify(Step step, const Problem& problem);

// The three ways a request fails: no answer, an answer that says no, an answer that makes no sense.
[[nodiscard]] Failure no_answer(const Asked& asked, const Error& error);
[[nodiscard]] Failure refusal(const Asked& asked,
                              const http::Response& response,
                              std::optional<WallTime> retry_at);
/// `error` as the readers of resources.hpp give it. Text that is no JSON says something about who
/// answers there (unreachable); JSON that lacks a member says something about the CA (protocol).
[[nodiscard]] Failure nonsense(const Asked& asked,
                               const http::Response& response,
                               const Error& error,
                               std::optional<WallTime> retry_at);
/// A failure found without asking, or in what was answered.
[[nodiscard]] Failure failure(FailureClass kind, const Asked& asked, std::string_view what);

}  // namespace mesh::acme
