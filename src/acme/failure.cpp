#include "acme/failure.hpp"

#include "acme/client.hpp"
#include "acme/link.hpp"
#include "acme/printable.hpp"
#include "acme/resources.hpp"
#include "http/url.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace mesh::acme {

namespace {

struct Row {
    std::string_view type;
    FailureClass kind;
};

// Types that mean the same whatever was asked. docs/acme-errors.md says why.
constexpr std::array rows{
    Row{"rateLimited", FailureClass::rate_limited},
    Row{"serverInternal", FailureClass::unreachable},
    Row{"badNonce", FailureClass::unreachable},
    Row{"dns", FailureClass::name},
    Row{"connection", FailureClass::name},
    Row{"tls", FailureClass::name},
    Row{"incorrectResponse", FailureClass::name},
    Row{"caa", FailureClass::name},
    Row{"rejectedIdentifier", FailureClass::name},
    Row{"unsupportedIdentifier", FailureClass::name},
    Row{"compound", FailureClass::name},
    Row{"externalAccountRequired", FailureClass::config},
    Row{"badCSR", FailureClass::config},
    Row{"badPublicKey", FailureClass::config},
    Row{"badSignatureAlgorithm", FailureClass::config},
    Row{"invalidProfile", FailureClass::config},
    Row{"invalidContact", FailureClass::config},
    Row{"unsupportedContact", FailureClass::config},
    Row{"accountDoesNotExist", FailureClass::account_gone},
    Row{"userActionRequired", FailureClass::account_stopped},
    Row{"orderNotReady", FailureClass::order_not_ready},
};

bool about_an_order(Step step) {
    switch (step) {
        case Step::order:
        case Step::authorization:
        case Step::challenge:
        case Step::finalize:
        case Step::certificate:
            return true;
        case Step::directory:
        case Step::nonce:
        case Step::new_account:
        case Step::new_order:
            break;
    }
    return false;
}

// "unauthorized" is the one type whose meaning depends on the request: the names of a CSR or of a
// challenge; a resource of another account, which for us is an order that is gone; else the account
// itself.
FailureClass unauthorized(Step step) {
    if (step == Step::finalize || step == Step::challenge) return FailureClass::name;
    return about_an_order(step) ? FailureClass::order_gone : FailureClass::account_stopped;
}

bool is_acme(std::string_view type) {
    return type.find("acme:error:") != std::string_view::npos;
}

FailureClass by_status(int status) {
    const bool temporary = status >= 500 || status == 408 || status == 425;
    return temporary ? FailureClass::unreachable : FailureClass::protocol;
}

std::string subject(const Asked& asked) {
    return std::string(to_string(asked.step)) + ": " + http::authority_of(asked.url);
}

/// Where the CA says more: the terms to agree to, the page that lifts a pause.
std::string further_reading(const http::Response& response, const std::string& base) {
    for (const std::string_view relation : {"terms-of-service", "help"}) {
        const auto found = links(response, relation, base);
        if (!found.empty()) return found.front();
    }
    return {};
}

}  // namespace

std::string_view to_string(Step step) {
    switch (step) {
        case Step::directory:
            return "directory";
        case Step::nonce:
            return "newNonce";
        case Step::new_account:
            return "newAccount";
        case Step::new_order:
            return "newOrder";
        case Step::order:
            return "order";
        case Step::authorization:
            return "authorization";
        case Step::challenge:
            return "challenge";
        case Step::finalize:
            return "finalize";
        case Step::certificate:
            return "certificate";
    }
    return "request";
}

FailureClass classify(Step step, const Problem& problem) {
    if (problem.status == 429) return FailureClass::rate_limited;
    const bool acme = is_acme(problem.type);
    const std::string_view name = problem.name();
    const auto row = std::find_if(
        rows.begin(), rows.end(), [&](const Row& candidate) { return candidate.type == name; });
    if (acme && row != rows.end()) return row->kind;
    // Whatever type a CA gives it ("malformed" is common): it does not know the resource.
    if ((problem.status == 404 || problem.status == 410) && about_an_order(step)) {
        return FailureClass::order_gone;
    }
    if (acme && name == "unauthorized") return unauthorized(step);
    // No problem document: something that is not the CA answered in its place.
    if (problem.type.empty()) return FailureClass::unreachable;
    return by_status(problem.status);
}

Failure no_answer(const Asked& asked, const Error& error) {
    Failure failure;
    // Also for a trust file that cannot be read: nobody was asked, and it concerns every order.
    failure.kind = FailureClass::unreachable;
    if (error.code == Errc::cancelled) failure.kind = FailureClass::cancelled;
    failure.message = std::string(to_string(asked.step)) + ": " + error.message;
    return failure;
}

Failure refusal(const Asked& asked,
                const http::Response& response,
                std::optional<WallTime> retry_at) {
    Failure failure;
    failure.problem = read_problem(response.status, response.body);
    failure.kind = classify(asked.step, *failure.problem);
    failure.retry_at = retry_at;
    failure.message = subject(asked) + " answered " + std::to_string(response.status);
    if (response.status >= 300 && response.status < 400) {
        // Never followed: a POST would lose its body, a directory its name.
        failure.message += ", a redirect to " + printable(response.header("Location"), 200);
    } else if (!failure.problem->type.empty() || !failure.problem->detail.empty()) {
        failure.message += " " + printable(failure.problem->text(), 1000);
    } else {
        failure.message += " without saying why";
        if (!response.body.empty()) failure.message += ": " + printable(response.body, 120);
    }
    failure.link = further_reading(response, asked.url);
    if (!failure.link.empty()) failure.message += " (see " + failure.link + ")";
    return failure;
}

Failure nonsense(const Asked& asked,
                 const http::Response& response,
                 const Error& error,
                 std::optional<WallTime> retry_at) {
    Failure failure;
    // Whoever serves something else under the directory's URL is not this CA, or not yet.
    const bool elsewhere = error.code == Errc::invalid || asked.step == Step::directory;
    failure.kind = elsewhere ? FailureClass::unreachable : FailureClass::protocol;
    failure.retry_at = retry_at;
    failure.message = subject(asked) + " answered " + std::to_string(response.status);
    if (asked.step == Step::directory) failure.message += ", but that is not an ACME directory";
    failure.message += ": " + error.message;
    if (error.code == Errc::invalid) {
        failure.message += " (" + printable(response.body, 120) + ")";
    }
    return failure;
}

Failure failure(FailureClass kind, const Asked& asked, std::string_view what) {
    Failure failure;
    failure.kind = kind;
    failure.message = subject(asked) + " " + std::string(what);
    return failure;
}

void throw_exception_from_error(const Failure& failure, const boost::source_location&) {
    throw std::runtime_error(failure.message);
}

}  // namespace mesh::acme
