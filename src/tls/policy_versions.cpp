#include "tls/openssl_error.hpp"
#include "tls/policy_state.hpp"

namespace mesh::tls {

Status configure_versions(SSL_CTX* context, const PolicySettings& settings) {
    if (settings.min_version > settings.max_version)
        return Error{Errc::invalid, Origin::config, "minVersion is newer than maxVersion"};

    SSL_CTX_set_security_level(context, 2);
    if (SSL_CTX_set_min_proto_version(context, static_cast<int>(settings.min_version)) != 1 ||
        SSL_CTX_set_max_proto_version(context, static_cast<int>(settings.max_version)) != 1)
        return openssl_error("the TLS versions are not available", Origin::config);
    return {};
}

}  // namespace mesh::tls
