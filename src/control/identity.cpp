#include "control/identity.hpp"

#include <algorithm>

namespace mesh::control {

store::CertificateKey to_store(const model::CertificateKey& key) {
    return {key.directory, key.names};
}

tls::KeyType to_tls(model::KeyType type) {
    switch (type) {
        case model::KeyType::ec256:
            return tls::KeyType::ec256;
        case model::KeyType::ec384:
            return tls::KeyType::ec384;
        case model::KeyType::rsa2048:
            return tls::KeyType::rsa2048;
        case model::KeyType::rsa4096:
            return tls::KeyType::rsa4096;
    }
    return tls::KeyType::ec256;
}

std::string_view key_type_text(model::KeyType type) {
    switch (type) {
        case model::KeyType::ec256:
            return "EC256";
        case model::KeyType::ec384:
            return "EC384";
        case model::KeyType::rsa2048:
            return "RSA2048";
        case model::KeyType::rsa4096:
            return "RSA4096";
    }
    return "EC256";
}

std::string_view key_type_text(const tls::PrivateKey& key) {
    const auto type = key.type();
    if (!type) return {};
    for (const auto wanted : {model::KeyType::ec256,
                              model::KeyType::ec384,
                              model::KeyType::rsa2048,
                              model::KeyType::rsa4096})
        if (to_tls(wanted) == *type) return key_type_text(wanted);
    return {};
}

std::vector<std::string> texts(const std::vector<HostPattern>& names) {
    std::vector<std::string> result;
    result.reserve(names.size());
    for (const HostPattern& name : names) result.push_back(name.text());
    return result;
}

std::vector<std::string> identity_names(std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

std::string names_text(const std::vector<std::string>& names) {
    constexpr std::size_t shown_max = 8;
    std::string text;
    for (std::size_t i = 0; i < names.size() && i < shown_max; ++i) {
        if (i > 0) text += ", ";
        text += names[i];
    }
    if (names.size() > shown_max)
        text += " and " + std::to_string(names.size() - shown_max) + " more";
    return text;
}

std::string asked_as(const model::WantedCertificate& wanted) {
    std::string text{key_type_text(wanted.key_type)};
    if (!wanted.profile.empty()) text += " " + wanted.profile;
    return text;
}

}  // namespace mesh::control
