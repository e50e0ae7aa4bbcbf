#include "acme/json.hpp"
#include "acme/resources.hpp"

namespace mesh::acme {

namespace {

constexpr std::size_t profiles_max = 64;
constexpr std::size_t profile_size_max = 128;

std::vector<std::string> profiles_of(const Json& meta) {
    std::vector<std::string> names;
    const Json* profiles = member(meta, "profiles");
    if (profiles == nullptr || !profiles->is_object()) return names;
    for (const auto& [name, description] : profiles->items()) {
        if (names.size() < profiles_max && name.size() <= profile_size_max) names.push_back(name);
    }
    return names;
}

}  // namespace

Result<Directory> read_directory(std::string_view body, const std::string& base) {
    const auto object = parse_object(body);
    if (!object) return object.error();
    Directory directory;
    directory.new_nonce = url_member(object->root, "newNonce", base);
    directory.new_account = url_member(object->root, "newAccount", base);
    directory.new_order = url_member(object->root, "newOrder", base);
    directory.renewal_info = url_member(object->root, "renewalInfo", base);
    if (directory.new_nonce.empty()) return missing("newNonce");
    if (directory.new_account.empty()) return missing("newAccount");
    if (directory.new_order.empty()) return missing("newOrder");
    if (const Json* meta = member(object->root, "meta")) {
        directory.terms_of_service = text_member(*meta, "termsOfService");
        directory.external_account_required = true_member(*meta, "externalAccountRequired");
        directory.profiles = profiles_of(*meta);
    }
    return directory;
}

}  // namespace mesh::acme
