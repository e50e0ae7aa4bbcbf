#pragma once
// Private to this room: owners for OpenSSL's objects.
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

namespace mesh::tls {

template <auto Free>
struct Freed {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};

using BioPtr = std::unique_ptr<BIO, Freed<BIO_free>>;
using BioMethodPtr = std::unique_ptr<BIO_METHOD, Freed<BIO_meth_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using CipherPtr = std::unique_ptr<EVP_CIPHER, Freed<EVP_CIPHER_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using EcdsaSignaturePtr = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using GeneralNamePtr = std::unique_ptr<GENERAL_NAME, Freed<GENERAL_NAME_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;
using Ia5StringPtr = std::unique_ptr<ASN1_IA5STRING, Freed<ASN1_IA5STRING_free>>;
using ObjectPtr = std::unique_ptr<ASN1_OBJECT, Freed<ASN1_OBJECT_free>>;
using OctetStringPtr = std::unique_ptr<ASN1_OCTET_STRING, Freed<ASN1_OCTET_STRING_free>>;
using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Freed<PKCS8_PRIV_KEY_INFO_free>>;
using PkeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using RequestPtr = std::unique_ptr<X509_REQ, Freed<X509_REQ_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Freed<SSL_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;

// The typed stacks free through macros, which are no functions to name.
inline void free_extensions(STACK_OF(X509_EXTENSION) * stack) noexcept {
    sk_X509_EXTENSION_pop_free(stack, X509_EXTENSION_free);
}
inline void free_certificates(STACK_OF(X509) * stack) noexcept {
    sk_X509_pop_free(stack, X509_free);
}
inline void free_bytes(unsigned char* bytes) noexcept {
    OPENSSL_free(bytes);
}

using ExtensionsPtr = std::unique_ptr<STACK_OF(X509_EXTENSION), Freed<free_extensions>>;
using CertificatesPtr = std::unique_ptr<STACK_OF(X509), Freed<free_certificates>>;
using DerPtr = std::unique_ptr<unsigned char, Freed<free_bytes>>;

}  // namespace mesh::tls
