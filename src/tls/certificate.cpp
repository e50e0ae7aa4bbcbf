#include "tls/certificate.hpp"

#include "tls/certificate_facts.hpp"
#include "tls/openssl_error.hpp"
#include "tls/openssl_ptr.hpp"
#include "tls/pem.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>

namespace mesh::tls {
namespace {

using CertificatePtr = std::shared_ptr<X509>;

constexpr std::size_t chain_length_max = 10;
constexpr std::size_t certificate_size_max = 64 * 1024;

Error bad(Errc code, std::string message) {
    return {code, Origin::config, std::move(message)};
}

Result<CertificatePtr> parse_certificate(ByteView der) {
    if (der.size() > certificate_size_max)
        return bad(Errc::limit, "a certificate is larger than 64 KiB");
    const unsigned char* cursor = der.data();
    X509Ptr parsed(d2i_X509(nullptr, &cursor, static_cast<long>(der.size())));
    if (!parsed || cursor != der.data() + der.size()) {
        ERR_clear_error();
        return bad(Errc::invalid, "a certificate does not parse");
    }
    // Decodes the extensions now, so that threads sharing the certificate only read it.
    static_cast<void>(X509_check_purpose(parsed.get(), -1, 0));
    ERR_clear_error();
    return CertificatePtr(std::move(parsed));
}

/// What follows the leaf of a chain: thousands of chains have the same few issuers, each of which
/// is parsed once for all that hold it at a time. Thread-safe.
class SharedIssuers {
 public:
    Result<CertificatePtr> parse(ByteView der) {
        const std::string_view bytes = as_text(der);
        {
            const std::lock_guard lock(mutex_);
            const auto known = parsed_.find(std::string(bytes));
            if (known != parsed_.end())
                if (auto certificate = known->second.lock()) return certificate;
        }
        auto certificate = parse_certificate(der);
        if (certificate) remember(bytes, *certificate);
        return certificate;
    }

 private:
    static constexpr std::size_t count_max = 256;

    void remember(std::string_view bytes, const CertificatePtr& certificate) {
        const std::lock_guard lock(mutex_);
        if (parsed_.size() >= count_max)
            std::erase_if(parsed_, [](const auto& one) { return one.second.expired(); });
        if (parsed_.size() < count_max) parsed_.insert_or_assign(std::string(bytes), certificate);
    }

    std::mutex mutex_;
    std::unordered_map<std::string, std::weak_ptr<X509>> parsed_;  ///< by their DER
};

SharedIssuers& shared_issuers() {
    static SharedIssuers issuers;
    return issuers;
}

bool is_certificate(std::string_view label) {
    return label == "CERTIFICATE" || label == "X509 CERTIFICATE";
}

Result<std::vector<CertificatePtr>> read_certificates(std::string_view pem) {
    std::vector<CertificatePtr> found;
    const auto read = for_each_pem_block(pem, [&found](const PemBlock& block) -> Status {
        if (!is_certificate(block.label)) return {};
        if (found.size() == chain_length_max)
            return bad(Errc::limit, "more than 10 certificates in one chain");
        auto certificate = found.empty() ? parse_certificate(block.content)
                                         : shared_issuers().parse(block.content);
        if (!certificate) return certificate.error();
        found.push_back(std::move(*certificate));
        return {};
    });
    if (!read) return read.error();
    if (found.empty()) return bad(Errc::not_found, "no certificate in the PEM text");
    return found;
}

void drop_duplicates(std::vector<CertificatePtr>& chain) {
    std::vector<CertificatePtr> distinct;
    for (CertificatePtr& certificate : chain) {
        const bool seen = std::any_of(distinct.begin(), distinct.end(), [&](const auto& other) {
            return X509_cmp(certificate.get(), other.get()) == 0;
        });
        if (!seen) distinct.push_back(std::move(certificate));
    }
    chain = std::move(distinct);
}

bool is_issued_by(X509* subject, X509* issuer) {
    return X509_check_issued(issuer, subject) == X509_V_OK;
}

/// CAs and people put chains together in any order: the one certificate that is no CA comes
/// first, then each one's issuer. What finds no place keeps its order at the end, where the proof
/// of the chain will object to it.
void order_by_issuer(std::vector<CertificatePtr>& chain) {
    const auto is_end_entity = [](const CertificatePtr& certificate) {
        return X509_check_ca(certificate.get()) == 0;
    };
    if (!is_end_entity(chain.front()) &&
        std::count_if(chain.begin(), chain.end(), is_end_entity) == 1) {
        const auto leaf = std::find_if(chain.begin(), chain.end(), is_end_entity);
        std::rotate(chain.begin(), leaf, leaf + 1);
    }
    for (auto next = chain.begin() + 1; next != chain.end(); ++next) {
        X509* const subject = (next - 1)->get();
        const auto issuer = std::find_if(next, chain.end(), [subject](const auto& candidate) {
            return is_issued_by(subject, candidate.get());
        });
        if (issuer == chain.end()) return;
        std::rotate(next, issuer, issuer + 1);
    }
}

/// Clients have their roots already, or do not trust ours for being sent one.
void drop_root(std::vector<CertificatePtr>& chain) {
    if (chain.size() < 2) return;
    X509* const last = chain.back().get();
    if (X509_self_signed(last, 0) == 1 && X509_check_ca(last) != 0 &&
        is_issued_by(chain[chain.size() - 2].get(), last))
        chain.pop_back();
}

/// What follows the leaf, in the form handshakes take it.
Result<std::shared_ptr<stack_st_X509>> make_issuers(const std::vector<CertificatePtr>& chain) {
    CertificatesPtr issuers(sk_X509_new_reserve(nullptr, static_cast<int>(chain.size())));
    if (!issuers) return openssl_error("cannot hold a certificate chain");
    for (std::size_t i = 1; i < chain.size(); ++i) {
        if (X509_up_ref(chain[i].get()) != 1)
            return openssl_error("cannot hold a certificate chain");
        sk_X509_push(issuers.get(), chain[i].get());
    }
    return std::shared_ptr<stack_st_X509>(std::move(issuers));
}

/// Parsed, a certificate takes its DER, the decoded fields and the cached extensions. Measured on
/// OpenSSL 3.0 and rounded up.
std::size_t memory_of(X509* certificate) {
    constexpr std::size_t per_certificate = 5 * 1024;
    return per_certificate +
           2 * static_cast<std::size_t>(std::max(i2d_X509(certificate, nullptr), 0));
}

/// An issuer that other chains hold already takes nothing more.
std::size_t memory_of(const std::vector<CertificatePtr>& chain) {
    std::size_t size = memory_of(chain.front().get());
    for (std::size_t i = 1; i < chain.size(); ++i)
        if (chain[i].use_count() == 1) size += memory_of(chain[i].get());
    return size;
}

}  // namespace

Result<CertificateChain> CertificateChain::from_pem(std::string_view pem) {
    auto certificates = read_certificates(pem);
    if (!certificates) return certificates.error();
    drop_duplicates(*certificates);
    order_by_issuer(*certificates);
    drop_root(*certificates);
    return make(std::move(*certificates));
}

Result<CertificateChain> CertificateChain::make(std::vector<CertificatePtr> certificates) {
    auto facts = read_facts(certificates.front().get());
    if (!facts) return facts.error();
    auto issuers = make_issuers(certificates);
    if (!issuers) return issuers.error();

    CertificateChain chain;
    chain.memory_size_ = memory_of(certificates);
    chain.certificates_ = std::move(certificates);
    chain.facts_ = std::make_shared<const CertificateFacts>(std::move(*facts));
    chain.issuers_ = std::move(*issuers);
    return chain;
}

std::string CertificateChain::to_pem() const {
    const BioPtr out(BIO_new(BIO_s_mem()));
    for (const auto& certificate : certificates_)
        if (!out || PEM_write_bio_X509(out.get(), certificate.get()) != 1)
            throw_exception_from_error(openssl_error("cannot write a certificate"),
                                       BOOST_CURRENT_LOCATION);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

Result<std::shared_ptr<const Credential>> Credential::from_pem(std::string_view chain,
                                                               std::string_view key) {
    auto parsed_chain = CertificateChain::from_pem(chain);
    if (!parsed_chain) return parsed_chain.error();
    auto parsed_key = PrivateKey::from_pem(key);
    if (!parsed_key) return parsed_key.error();
    return make(std::move(*parsed_chain), std::move(*parsed_key));
}

Result<std::shared_ptr<const Credential>> Credential::make(CertificateChain chain, PrivateKey key) {
    if (X509_check_private_key(chain.native().front().get(), key.native()) != 1) {
        ERR_clear_error();
        return bad(Errc::invalid, "the private key does not belong to the certificate");
    }
    return std::make_shared<const Credential>(std::move(chain), std::move(key));
}

std::size_t Credential::memory_size() const {
    // Its numbers and the provider's objects, and what comparing it with the leaf leaves there.
    // Measured on OpenSSL 3.0 and rounded up.
    constexpr std::size_t per_key = 4 * 1024;
    return per_key + chain_.memory_size();
}

}  // namespace mesh::tls
