// Certificates and keys from files, imports and CAs. Input that holds no PEM is taken for the DER
// of one certificate, so that the fuzzer gets behind base64.
#include "base/base64url.hpp"
#include "fuzz/fuzz.hpp"
#include "tls/certificate.hpp"

#include <algorithm>
#include <string>

namespace {

using mesh::fuzz::require;
using mesh::tls::CertificateChain;
using mesh::tls::CertificateFacts;
using mesh::tls::Credential;
using mesh::tls::PrivateKey;

std::string pem_of(const std::uint8_t* der, std::size_t size) {
    std::string text = mesh::base64url_encode({der, size});
    std::replace(text.begin(), text.end(), '-', '+');
    std::replace(text.begin(), text.end(), '_', '/');
    text.append((4 - text.size() % 4) % 4, '=');
    std::string pem = "-----BEGIN CERTIFICATE-----\n";
    for (std::size_t at = 0; at < text.size(); at += 64) pem += text.substr(at, 64) + '\n';
    return pem + "-----END CERTIFICATE-----\n";
}

bool is_lower_hex(const std::string& text) {
    return text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

void check_facts(const CertificateFacts& facts) {
    require(is_lower_hex(facts.serial));
    require(is_lower_hex(facts.sha256) && facts.sha256.size() == 64);
    const auto is_control = [](char c) { return c >= 0 && (c < 0x20 || c == 0x7F); };
    require(std::none_of(facts.issuer.begin(), facts.issuer.end(), is_control));
    for (const mesh::HostPattern& name : facts.names) {
        const auto again = mesh::HostPattern::parse(name.text());
        require(again.has_value() && *again == name);
    }
}

void check_chain(const CertificateChain& chain) {
    require(chain.size() >= 1 && chain.size() <= 10);
    check_facts(chain.facts());

    const auto again = CertificateChain::from_pem(chain.to_pem());
    require(again.has_value() && again->size() <= chain.size());
    require(again->facts().sha256 == chain.facts().sha256);
    require(again->facts().names == chain.facts().names);
    require(again->facts().not_after == chain.facts().not_after);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = mesh::fuzz::text(data, size);
    const bool is_pem = input.find("-----BEGIN") != std::string_view::npos;
    const std::string text = is_pem ? std::string(input) : pem_of(data, size);

    if (const auto chain = CertificateChain::from_pem(text)) check_chain(*chain);
    if (const auto key = PrivateKey::from_pem(text)) {
        const auto again = PrivateKey::from_pem(key->to_pem().reveal());
        require(again.has_value() && again->to_pem() == key->to_pem());
    }
    if (const auto credential = Credential::from_pem(text, text))
        require((*credential)->memory_size() > 0);
    return 0;
}
