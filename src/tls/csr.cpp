#include "tls/key_pair.hpp"
#include "tls/openssl_error.hpp"
#include "tls/openssl_ptr.hpp"
#include "tls/x509_build.hpp"

#include <algorithm>

namespace mesh::tls {

Result<Bytes> make_csr(const PrivateKey& key, const std::vector<HostPattern>& names) {
    if (names.empty())
        return Error{Errc::invalid, Origin::internal, "a certificate request needs a name"};
    std::vector<HostPattern> distinct;
    for (const HostPattern& name : names)
        if (std::find(distinct.begin(), distinct.end(), name) == distinct.end())
            distinct.push_back(name);

    auto extension = subject_alt_name(distinct);
    if (!extension) return extension.error();
    const ExtensionsPtr extensions(sk_X509_EXTENSION_new_null());
    if (!extensions || sk_X509_EXTENSION_push(extensions.get(), extension->get()) <= 0)
        return openssl_error("cannot make a certificate request");
    static_cast<void>(extension->release());  // the stack owns it now

    const RequestPtr request(X509_REQ_new());
    if (!request || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_pubkey(request.get(), key.native()) != 1 ||
        X509_REQ_add_extensions(request.get(), extensions.get()) != 1 ||
        X509_REQ_sign(request.get(), key.native(), EVP_sha256()) == 0)
        return openssl_error("cannot make a certificate request");

    unsigned char* raw = nullptr;
    const int size = i2d_X509_REQ(request.get(), &raw);
    if (size <= 0) return openssl_error("cannot write a certificate request");
    const DerPtr der(raw);
    return Bytes(raw, raw + size);
}

}  // namespace mesh::tls
