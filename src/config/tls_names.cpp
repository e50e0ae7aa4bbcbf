#include "config/tls_names.hpp"

#include "base/ascii.hpp"

namespace mesh::config {
namespace {

using model::TlsVersion;

constexpr std::string_view no_secrecy = "it gives no forward secrecy";
constexpr std::string_view broken = "its cipher is broken";

constexpr SuiteName suites[] = {
    {"TLS_AES_128_GCM_SHA256", TlsVersion::tls13, ""},
    {"TLS_AES_256_GCM_SHA384", TlsVersion::tls13, ""},
    {"TLS_CHACHA20_POLY1305_SHA256", TlsVersion::tls13, ""},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", TlsVersion::tls12, ""},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", TlsVersion::tls12, ""},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", TlsVersion::tls12, ""},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", TlsVersion::tls12, ""},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", TlsVersion::tls12, ""},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", TlsVersion::tls12, ""},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", TlsVersion::tls12, ""},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", TlsVersion::tls12, ""},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", TlsVersion::tls12, ""},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", TlsVersion::tls12, ""},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", TlsVersion::tls12, ""},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", TlsVersion::tls12, ""},
    {"TLS_RSA_WITH_AES_128_GCM_SHA256", TlsVersion::tls12, no_secrecy},
    {"TLS_RSA_WITH_AES_256_GCM_SHA384", TlsVersion::tls12, no_secrecy},
    {"TLS_RSA_WITH_AES_128_CBC_SHA256", TlsVersion::tls12, no_secrecy},
    {"TLS_RSA_WITH_AES_128_CBC_SHA", TlsVersion::tls12, no_secrecy},
    {"TLS_RSA_WITH_AES_256_CBC_SHA", TlsVersion::tls12, no_secrecy},
    {"TLS_RSA_WITH_3DES_EDE_CBC_SHA", TlsVersion::tls12, no_secrecy},
    {"TLS_RSA_WITH_RC4_128_SHA", TlsVersion::tls12, no_secrecy},
    {"TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", TlsVersion::tls12, broken},
    {"TLS_ECDHE_RSA_WITH_RC4_128_SHA", TlsVersion::tls12, broken},
    {"TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", TlsVersion::tls12, broken},
};

/// Before the suites were standardized Go called them so, and still does.
constexpr struct {
    std::string_view go;
    std::string_view iana;
} older_names[] = {
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
};

constexpr GroupName groups[] = {
    {"x25519", "X25519", true},
    {"secp256r1", "CurveP256", true},
    {"secp384r1", "CurveP384", true},
    {"secp521r1", "CurveP521", true},
    {"X25519MLKEM768", "X25519MLKEM768", false},
    {"SecP256r1MLKEM768", "SecP256r1MLKEM768", false},
    {"SecP384r1MLKEM1024", "SecP384r1MLKEM1024", false},
};

}  // namespace

const SuiteName* suite_named(std::string_view text) {
    for (const auto& older : older_names)
        if (equal_ignoring_case(older.go, text)) return suite_named(older.iana);
    for (const SuiteName& suite : suites)
        if (equal_ignoring_case(suite.iana, text)) return &suite;
    return nullptr;
}

std::vector<std::string> suite_names() {
    std::vector<std::string> names;
    for (const SuiteName& suite : suites)
        if (suite.refused_because.empty()) names.emplace_back(suite.iana);
    return names;
}

const GroupName* group_named(std::string_view text) {
    for (const GroupName& group : groups)
        if (equal_ignoring_case(group.iana, text) || equal_ignoring_case(group.go, text))
            return &group;
    return nullptr;
}

std::vector<std::string> group_names() {
    std::vector<std::string> names;
    for (const GroupName& group : groups) names.emplace_back(group.go);
    return names;
}

}  // namespace mesh::config
