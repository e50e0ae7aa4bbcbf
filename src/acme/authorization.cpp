#include "acme/json.hpp"
#include "acme/problem_json.hpp"
#include "acme/resources.hpp"

#include <algorithm>

namespace mesh::acme {

namespace {

constexpr std::size_t offered_types_max = 32;
constexpr std::size_t token_size_max = 512;

AuthorizationStatus authorization_status(std::string_view text) {
    if (text == "pending") return AuthorizationStatus::pending;
    if (text == "valid") return AuthorizationStatus::valid;
    if (text == "invalid") return AuthorizationStatus::invalid;
    if (text == "deactivated") return AuthorizationStatus::deactivated;
    if (text == "expired") return AuthorizationStatus::expired;
    if (text == "revoked") return AuthorizationStatus::revoked;
    return AuthorizationStatus::unknown;
}

/// RFC 8555 §8.3 allows nothing else, and the token becomes part of what we vouch for.
bool is_token(std::string_view text) {
    return !text.empty() && text.size() <= token_size_max &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_';
           });
}

Status take_challenge(const Json& challenge, const std::string& base, AuthorizationResource& into) {
    const std::string type = text_member(challenge, "type");
    if (type.empty()) return {};
    if (into.offered_types.size() < offered_types_max)
        into.offered_types.push_back(type.substr(0, 64));
    const ChallengeStatus status = challenge_status(text_member(challenge, "status"));
    // The cause of a failed authorization, whichever challenge somebody else may have tried.
    if (auto error = problem_member(challenge, "error");
        error && (!into.error || type == "tls-alpn-01")) {
        into.error = std::move(error);
    }
    if (type != "tls-alpn-01") return {};
    into.challenge_status = status;
    into.token = text_member(challenge, "token");
    std::string url = url_member(challenge, "url", base);
    if (url.empty()) return missing("url of the tls-alpn-01 challenge");
    if (!is_token(into.token)) return missing("token of the tls-alpn-01 challenge");
    into.challenge_url = std::move(url);
    return {};
}

}  // namespace

Result<AuthorizationResource> read_authorization(std::string_view body, const std::string& base) {
    const auto object = parse_object(body);
    if (!object) return object.error();
    AuthorizationResource authorization;
    const std::string status = text_member(object->root, "status");
    if (status.empty()) return missing("status");
    authorization.status = authorization_status(status);
    if (const Json* identifier = member(object->root, "identifier")) {
        authorization.identifier = text_member(*identifier, "value");
    }
    if (authorization.identifier.empty()) return missing("identifier");
    authorization.wildcard = true_member(object->root, "wildcard");
    authorization.expires = time_member(object->root, "expires");
    const Json* challenges = member(object->root, "challenges");
    if (challenges == nullptr || !challenges->is_array()) return authorization;
    for (const Json& challenge : *challenges) {
        // A broken challenge matters only while it would be needed.
        if (Status taken = take_challenge(challenge, base, authorization);
            !taken && authorization.status == AuthorizationStatus::pending) {
            return taken.error();
        }
    }
    return authorization;
}

}  // namespace mesh::acme
