#include "tls/chain_root.hpp"

#include "tls/openssl_ptr.hpp"

namespace mesh::tls {

std::string root_name(const CertificateChain& chain) {
    const X509_NAME* const issuer = X509_get_issuer_name(chain.native().back().get());
    const int at = X509_NAME_get_index_by_NID(issuer, NID_commonName, -1);
    if (at < 0) return {};
    const ASN1_STRING* const text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(issuer, at));
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, text);
    const DerPtr owned(utf8);
    if (size < 0) return {};
    return std::string(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
}

}  // namespace mesh::tls
