#include "tls/certificate.hpp"
#include "tls/openssl_error.hpp"
#include "tls/openssl_ptr.hpp"
#include "tls/policy.hpp"
#include "tls/session.hpp"

#include <openssl/err.h>

#include <algorithm>

namespace mesh::tls {
namespace {

Error unproven(std::string message) {
    return {Errc::invalid, Origin::ca, std::move(message)};
}

Status prove_chain(const CertificateChain& chain) {
    const auto& certificates = chain.native();
    for (std::size_t i = 0; i + 1 < certificates.size(); ++i) {
        X509* const subject = certificates[i].get();
        X509* const issuer = certificates[i + 1].get();
        if (X509_check_issued(issuer, subject) != X509_V_OK ||
            X509_verify(subject, X509_get0_pubkey(issuer)) != 1) {
            ERR_clear_error();
            return unproven("certificate " + std::to_string(i + 1) +
                            " of the chain is not signed by the next one");
        }
    }
    return {};
}

/// Host names are compared by OpenSSL; a wildcard is asked for as such and must stand there.
bool holds(X509* leaf, const CertificateFacts& facts, const HostPattern& wanted) {
    if (wanted.is_wildcard())
        return std::find(facts.names.begin(), facts.names.end(), wanted) != facts.names.end();
    const std::string& name = wanted.name().text();
    return X509_check_host(
               leaf,
               name.data(),
               name.size(),
               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
               nullptr) == 1;
}

Status prove_names(const CertificateChain& chain, const std::vector<HostPattern>& wanted) {
    for (const HostPattern& pattern : wanted)
        if (!holds(chain.native().front().get(), chain.facts(), pattern))
            return unproven("the certificate does not hold the name " + pattern.text());
    return {};
}

Status prove_dates(const CertificateFacts& facts, WallTime now) {
    if (now < facts.not_before) return unproven("the certificate is not valid yet");
    if (now > facts.not_after) return unproven("the certificate has expired");
    return {};
}

/// The server's end of a pipe to a client in the same thread.
class ClientPipe final : public Transport {
 public:
    explicit ClientPipe(SSL* client)
        : to_client_(SSL_get_rbio(client)), from_client_(SSL_get_wbio(client)) {}

    Transfer receive(std::span<std::uint8_t> into) override {
        std::size_t count = 0;
        if (BIO_read_ex(from_client_, into.data(), into.size(), &count) != 1)
            return {Outcome::would_block, 0};
        return {Outcome::ok, count};
    }
    Transfer send(ByteView bytes) override {
        std::size_t count = 0;
        if (BIO_write_ex(to_client_, bytes.data(), bytes.size(), &count) != 1)
            return {Outcome::failed, 0};
        return {Outcome::ok, count};
    }

 private:
    BIO* to_client_;
    BIO* from_client_;
};

/// A client that trusts the end of the chain and looks at nothing but what a handshake needs:
/// names and dates are proven by then.
SslPtr make_client(SSL_CTX* context, const CertificateChain& chain) {
    X509_STORE* const trusted = SSL_CTX_get_cert_store(context);
    X509_STORE_set_flags(trusted, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
    if (X509_STORE_add_cert(trusted, chain.native().back().get()) != 1) return nullptr;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SslPtr client(SSL_new(context));
    BioPtr in(BIO_new(BIO_s_mem()));
    BioPtr out(BIO_new(BIO_s_mem()));
    if (!client || !in || !out) return nullptr;
    SSL_set_bio(client.get(), in.release(), out.release());
    SSL_set_connect_state(client.get());
    return client;
}

Error handshake_failure(SSL* client, const Session& server) {
    const long verified = SSL_get_verify_result(client);
    ERR_clear_error();
    std::string reason =
        verified != X509_V_OK ? X509_verify_cert_error_string(verified) : server.failure().message;
    return unproven("a TLS handshake with the certificate fails: " + reason);
}

Status prove_handshake(const Credential& credential) {
    constexpr int turns_max = 10;  // a handshake takes three
    const auto policy = Policy::make(PolicySettings{}, nullptr);
    if (!policy) return policy.error();
    const SslContextPtr context(SSL_CTX_new(TLS_client_method()));
    const SslPtr client = context ? make_client(context.get(), credential.chain()) : nullptr;
    if (!client) return openssl_error("cannot prove a certificate");

    ClientPipe pipe(client.get());
    // Not owned: the session ends with this function.
    const std::shared_ptr<const Credential> borrowed(std::shared_ptr<void>{}, &credential);
    auto server = Session::accept(**policy, borrowed, ExpectedHello{}, pipe);
    if (!server) return unproven(server.error().message);
    for (int turn = 0; turn < turns_max; ++turn) {
        ERR_clear_error();
        const int connected = SSL_do_handshake(client.get());
        const Progress accepted = (*server)->handshake();
        if (connected == 1 && accepted == Progress::done) return {};
        if (accepted != Progress::want_read && accepted != Progress::done) break;
    }
    return handshake_failure(client.get(), **server);
}

}  // namespace

Status prove(const Credential& credential, const std::vector<HostPattern>& wanted, WallTime now) {
    if (auto chain = prove_chain(credential.chain()); !chain) return chain;
    if (auto names = prove_names(credential.chain(), wanted); !names) return names;
    if (X509_check_private_key(credential.chain().native().front().get(),
                               credential.key().native()) != 1) {
        ERR_clear_error();
        return unproven("the private key does not belong to the certificate");
    }
    if (auto dates = prove_dates(credential.facts(), now); !dates) return dates;
    return prove_handshake(credential);
}

}  // namespace mesh::tls
