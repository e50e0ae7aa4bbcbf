#include "tls/policy.hpp"

#include "tls/key_pair.hpp"
#include "tls/openssl_error.hpp"
#include "tls/policy_state.hpp"

#include <openssl/err.h>

#include <algorithm>

namespace mesh::tls {
namespace {

void free_state(void*, void* state, CRYPTO_EX_DATA*, int, long, void*) noexcept {
    delete static_cast<PolicyState*>(state);
}

int state_index() {
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_state);
    return index;
}

void append_number(std::string& out, std::uint64_t number) {
    for (int shift = 56; shift >= 0; shift -= 8)
        out.push_back(static_cast<char>((number >> static_cast<unsigned>(shift)) & 0xFFU));
}

void append_text(std::string& out, std::string_view text) {
    append_number(out, text.size());
    out += text;
}

void append_list(std::string& out, const std::vector<std::string>& texts) {
    append_number(out, texts.size());
    for (const std::string& text : texts) append_text(out, text);
}

void configure_options(SSL_CTX* context) {
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
#ifdef SSL_OP_NO_TX_CERTIFICATE_COMPRESSION
    SSL_CTX_set_options(
        context, SSL_OP_NO_TX_CERTIFICATE_COMPRESSION | SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
#endif
    // The client's cipher order counts, as Mozilla's profile has it.
    SSL_CTX_clear_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(
        context,
        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY);
    // One receive takes a whole record, or several, instead of header and body apart.
    SSL_CTX_set_read_ahead(context, 1);
    // No early data is granted. What a client sends nevertheless, for a ticket of somebody else,
    // is skipped (RFC 8446 §4.2.10), within the library's bound.
    SSL_CTX_set_max_early_data(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

Status configure(SSL_CTX* context, PolicyState& state) {
    configure_options(context);
    if (auto done = configure_versions(context, state.settings); !done) return done;
    if (auto done = configure_suites(context, state.settings); !done) return done;
    if (auto done = configure_groups(context, state.settings); !done) return done;
    if (auto done = configure_client_auth(context, state.settings); !done) return done;
    if (auto done = configure_tickets(context, state); !done) return done;
    if (auto done = configure_alpn(context, state.settings); !done) return done;
    configure_session_callbacks(context);
    return {};
}

}  // namespace

const PolicyState& PolicyState::of(const SSL_CTX* context) {
    return *static_cast<const PolicyState*>(SSL_CTX_get_ex_data(context, state_index()));
}

const PolicyState& PolicyState::of(const SSL* ssl) {
    return of(SSL_get_SSL_CTX(ssl));
}

bool PolicyState::attach(SSL_CTX* context, std::unique_ptr<PolicyState> state) {
    if (SSL_CTX_set_ex_data(context, state_index(), state.get()) != 1) return false;
    static_cast<void>(state.release());  // free_state has it now
    return true;
}

std::array<std::uint8_t, 32> fingerprint_of(const PolicySettings& settings) {
    std::string content;
    append_number(content, static_cast<std::uint64_t>(settings.min_version));
    append_number(content, static_cast<std::uint64_t>(settings.max_version));
    append_number(content, static_cast<std::uint64_t>(settings.client_auth));
    append_text(content, settings.client_ca_pem);
    append_list(content, settings.alpn_protocols);
    append_list(content, settings.cipher_suites);
    append_list(content, settings.groups);
    append_number(content, settings.session_tickets ? 1 : 0);
    const Bytes digest = sha256(content);
    std::array<std::uint8_t, 32> fingerprint{};
    std::copy(digest.begin(), digest.end(), fingerprint.begin());
    return fingerprint;
}

void Policy::FreeContext::operator()(ssl_ctx_st* context) const noexcept {
    SSL_CTX_free(context);
}

Policy::Policy(std::unique_ptr<ssl_ctx_st, FreeContext> context) : context_(std::move(context)) {}

Policy::~Policy() = default;

const PolicySettings& Policy::settings() const {
    return PolicyState::of(context_.get()).settings;
}

Result<std::shared_ptr<const Policy>> Policy::make(const PolicySettings& settings,
                                                   std::shared_ptr<TicketKeys> tickets) {
    ERR_clear_error();
    std::unique_ptr<ssl_ctx_st, FreeContext> context(SSL_CTX_new(TLS_server_method()));
    if (!context) return openssl_error("cannot make a TLS context");

    auto state = std::make_unique<PolicyState>();
    state->settings = settings;
    state->fingerprint = fingerprint_of(settings);
    if (settings.session_tickets) state->tickets = std::move(tickets);
    PolicyState& attached = *state;
    if (!PolicyState::attach(context.get(), std::move(state)))
        return openssl_error("cannot make a TLS context");
    if (auto done = configure(context.get(), attached); !done) return done.error();
    return std::shared_ptr<const Policy>(new Policy(std::move(context)));
}

Result<std::shared_ptr<const Policy>> Policy::make_challenge() {
    PolicySettings settings;
    settings.alpn_protocols = {std::string(acme_protocol)};
    return make(settings, nullptr);
}

std::string runtime_version() {
    return OpenSSL_version(OPENSSL_VERSION);
}
std::string build_version() {
    return OPENSSL_VERSION_TEXT;
}

}  // namespace mesh::tls
