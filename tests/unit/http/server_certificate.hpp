#pragma once
#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace mesh::test {

struct FreeKey {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
struct FreeCertificate {
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
using Certificate = std::unique_ptr<X509, FreeCertificate>;

/// A throw-away CA and the server certificates it signs.
class TestAuthority {
 public:
    explicit TestAuthority(const std::string& name);
    struct Identity {
        Key key;
        Certificate certificate;
    };
    /// `alternative_names` as in openssl.cnf: "DNS:localhost,IP:127.0.0.1". `days` may be
    /// negative: expired.
    [[nodiscard]] Identity issue(const std::string& common_name,
                                 const std::string& alternative_names,
                                 int days = 1) const;
    [[nodiscard]] std::string pem() const;

 private:
    Key key_;
    Certificate certificate_;
};

[[nodiscard]] std::string certificate_pem(const TestAuthority::Identity& identity);
[[nodiscard]] std::string key_pem(const TestAuthority::Identity& identity,
                                  const char* pass_phrase = nullptr);

/// A file with this content, gone with the object.
class TemporaryFile {
 public:
    explicit TemporaryFile(const std::string& content);
    ~TemporaryFile();
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }
    void replace(const std::string& content) const;

 private:
    std::string path_;
};

}  // namespace mesh::test
