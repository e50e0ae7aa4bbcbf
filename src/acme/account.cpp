#include "acme/json.hpp"
#include "acme/resources.hpp"

namespace mesh::acme {

std::string account_payload(const std::string& email) {
    Json payload{{"termsOfServiceAgreed", true}};
    if (!email.empty()) payload["contact"] = Json::array({"mailto:" + email});
    return to_text(payload);
}

// Some CAs answer newAccount with an empty body: the URL in the header is all that is needed.
std::string read_account_status(std::string_view body) {
    const auto object = parse_object(body);
    return object ? text_member(object->root, "status") : std::string();
}

}  // namespace mesh::acme
