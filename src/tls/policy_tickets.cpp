// Resumption: tickets sealed by the process's keys, accepted only under the policy that issued
// them and for a day at most.
#include "base/bytes.hpp"
#include "tls/openssl_error.hpp"
#include "tls/policy_state.hpp"

#include <openssl/core_names.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <optional>

namespace mesh::tls {
namespace {

using std::chrono::seconds;

/// Counted from the full handshake: a TLS 1.3 client gets a new ticket with every resumption and
/// would otherwise never authenticate again.
constexpr seconds session_age_max = std::chrono::hours(24);

/// What every ticket of ours says about its session, inside the sealed part.
struct TicketOrigin {
    std::array<std::uint8_t, 32> policy{};
    seconds at{};  ///< of the full handshake, steady time: the keys die with the process too
};
constexpr std::uint8_t origin_format = 1;
constexpr std::size_t origin_size = 1 + 32 + 8;

std::array<std::uint8_t, origin_size> encode(const TicketOrigin& origin) {
    std::array<std::uint8_t, origin_size> out{};
    out[0] = origin_format;
    std::copy(origin.policy.begin(), origin.policy.end(), out.begin() + 1);
    auto rest = static_cast<std::uint64_t>(origin.at.count());
    for (std::size_t i = origin_size; i > 33; --i, rest >>= 8U)
        out[i - 1] = static_cast<std::uint8_t>(rest & 0xFFU);
    return out;
}

std::optional<TicketOrigin> decode(ByteView bytes) {
    ByteReader reader(bytes);
    const auto format = reader.u8();
    const auto policy = reader.take(32);
    const auto high = reader.u32();
    const auto low = reader.u32();
    if (!low || !reader.empty() || *format != origin_format) return std::nullopt;
    TicketOrigin origin;
    std::copy(policy->begin(), policy->end(), origin.policy.begin());
    origin.at = seconds((static_cast<std::int64_t>(*high) << 32U) | *low);
    return origin;
}

std::optional<TicketOrigin> origin_of(SSL_SESSION* session) {
    void* data = nullptr;
    std::size_t size = 0;
    if (SSL_SESSION_get0_ticket_appdata(session, &data, &size) != 1 || size == 0)
        return std::nullopt;
    return decode(ByteView(static_cast<const std::uint8_t*>(data), size));
}

seconds steady_seconds(const PolicyState& policy) {
    return std::chrono::duration_cast<seconds>(
        policy.tickets->clock().steady_now().time_since_epoch());
}

/// A client certificate inside a ticket is not verified again, so its dates are looked at here.
bool client_certificate_holds(const PolicyState& policy, SSL_SESSION* session) {
    const X509* peer = SSL_SESSION_get0_peer(session);
    if (!peer) return !requires_certificate(policy.settings.client_auth);
    if (!verifies(policy.settings.client_auth)) return true;
    auto now = static_cast<std::time_t>(
        std::chrono::floor<seconds>(policy.tickets->clock().now()).time_since_epoch().count());
    return X509_cmp_time(X509_get0_notBefore(peer), &now) < 0 &&
           X509_cmp_time(X509_get0_notAfter(peer), &now) > 0;
}

bool may_resume(const PolicyState& policy, SSL_SESSION* session) {
    const auto origin = origin_of(session);
    if (!origin || origin->policy != policy.fingerprint) return false;
    const seconds age = steady_seconds(policy) - origin->at;
    return age >= seconds::zero() && age < session_age_max &&
           client_certificate_holds(policy, session);
}

/// Called before a ticket is sealed. The session of a resumption still carries its first origin.
int on_new_ticket(SSL* ssl, void*) noexcept {
    const PolicyState& policy = PolicyState::of(ssl);
    SSL_SESSION* session = SSL_get_session(ssl);
    if (!session || !policy.tickets) return 0;
    const seconds now = steady_seconds(policy);
    TicketOrigin origin{policy.fingerprint, now};
    if (const auto carried = origin_of(session)) origin.at = carried->at;
    const auto bytes = encode(origin);
    const seconds left = std::max(session_age_max - (now - origin.at), seconds(1));
    SSL_SESSION_set_timeout(session, static_cast<long>(left.count()));
    return SSL_SESSION_set1_ticket_appdata(session, bytes.data(), bytes.size());
}

SSL_TICKET_RETURN on_opened_ticket(SSL* ssl,
                                   SSL_SESSION* session,
                                   const unsigned char*,
                                   std::size_t,
                                   SSL_TICKET_STATUS status,
                                   void*) noexcept {
    switch (status) {
        case SSL_TICKET_SUCCESS:
        case SSL_TICKET_SUCCESS_RENEW:
            if (!may_resume(PolicyState::of(ssl), session)) return SSL_TICKET_RETURN_IGNORE_RENEW;
            return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE
                                                : SSL_TICKET_RETURN_USE_RENEW;
        case SSL_TICKET_EMPTY:
        case SSL_TICKET_NO_DECRYPT:
            return SSL_TICKET_RETURN_IGNORE_RENEW;
        default:
            return SSL_TICKET_RETURN_ABORT;
    }
}

bool set_mac_key(EVP_MAC_CTX* mac, const TicketKey& key) {
    // The parameters only read what they point to, but their type does not say so.
    auto* const secret = const_cast<std::uint8_t*>(key.mac().data());
    std::array<char, 7> digest{"SHA256"};
    const std::array<OSSL_PARAM, 3> parameters{
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, secret, key.mac().size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
}

int seal(const PolicyState& policy,
         unsigned char* name,
         unsigned char* iv,
         EVP_CIPHER_CTX* cipher,
         EVP_MAC_CTX* mac) {
    const TicketKey key = policy.tickets->newest();
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(policy.ticket_cipher.get())) != 1) return -1;
    std::copy(key.name().begin(), key.name().end(), name);
    if (EVP_EncryptInit_ex2(cipher, policy.ticket_cipher.get(), key.cipher().data(), iv, nullptr) !=
            1 ||
        !set_mac_key(mac, key))
        return -1;
    return 1;
}

int open(const PolicyState& policy,
         SSL* ssl,
         const unsigned char* name,
         const unsigned char* iv,
         EVP_CIPHER_CTX* cipher,
         EVP_MAC_CTX* mac) {
    const auto found = policy.tickets->find(std::span<const std::uint8_t, 16>(name, 16));
    if (!found) return 0;
    if (EVP_DecryptInit_ex2(
            cipher, policy.ticket_cipher.get(), found->key.cipher().data(), iv, nullptr) != 1 ||
        !set_mac_key(mac, found->key))
        return -1;
    // 2 asks for a new ticket: under the newest key, and in TLS 1.3 after every use, so that a
    // client need not show the same one twice (RFC 8446 §C.4).
    return !found->is_newest || SSL_version(ssl) >= TLS1_3_VERSION ? 2 : 1;
}

int on_ticket_key(SSL* ssl,
                  unsigned char* name,
                  unsigned char* iv,
                  EVP_CIPHER_CTX* cipher,
                  EVP_MAC_CTX* mac,
                  int sealing) noexcept {
    try {
        const PolicyState& policy = PolicyState::of(ssl);
        if (!policy.tickets) return -1;
        return sealing != 0 ? seal(policy, name, iv, cipher, mac)
                            : open(policy, ssl, name, iv, cipher, mac);
    } catch (...) {
        return -1;
    }
}

}  // namespace

Status configure_tickets(SSL_CTX* context, PolicyState& state) {
    // OpenSSL itself compares this too, and refuses client certificates without it.
    if (SSL_CTX_set_session_id_context(context,
                                       state.fingerprint.data(),
                                       static_cast<unsigned>(state.fingerprint.size())) != 1)
        return openssl_error("cannot set the session id context");
    if (!state.tickets) {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        // TLS 1.3 would hand out references to a session cache instead.
        SSL_CTX_set_num_tickets(context, 0);
        return {};
    }
    state.ticket_cipher.reset(EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr));
    if (!state.ticket_cipher || SSL_CTX_set_num_tickets(context, 1) != 1 ||
        SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket_key) != 1 ||
        SSL_CTX_set_session_ticket_cb(context, on_new_ticket, on_opened_ticket, nullptr) != 1)
        return openssl_error("cannot set up session tickets");
    SSL_CTX_set_timeout(context, static_cast<long>(session_age_max.count()));
    return {};
}

}  // namespace mesh::tls
