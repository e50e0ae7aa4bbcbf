#pragma once
#include "tls/certificate.hpp"

#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace mesh::test {

/// Answers TLS-ALPN-01 validations (RFC 8737), one after the other: small, and independent of the
/// product's own listener.
class AlpnResponder {
 public:
    AlpnResponder(const std::string& address, int port);
    ~AlpnResponder();
    AlpnResponder(const AlpnResponder&) = delete;
    AlpnResponder& operator=(const AlpnResponder&) = delete;

    void present(const std::string& name, std::shared_ptr<const tls::Credential> credential);
    void forget(const std::string& name);

 private:
    static int choose_certificate(SSL* session, void* self);
    void accept_all();

    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
    int listener_ = -1;
    std::mutex mutex_;
    std::map<std::string, std::shared_ptr<const tls::Credential>> presented_;
    std::thread thread_;
};

}  // namespace mesh::test
