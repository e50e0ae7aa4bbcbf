#include "acme/json.hpp"
#include "acme/resources.hpp"

namespace mesh::acme {

ChallengeStatus challenge_status(std::string_view text) {
    if (text == "pending") return ChallengeStatus::pending;
    if (text == "processing") return ChallengeStatus::processing;
    if (text == "valid") return ChallengeStatus::valid;
    if (text == "invalid") return ChallengeStatus::invalid;
    return ChallengeStatus::unknown;
}

Result<ChallengeStatus> read_challenge_status(std::string_view body) {
    const auto object = parse_object(body);
    if (!object) return object.error();
    return challenge_status(text_member(object->root, "status"));
}

}  // namespace mesh::acme
