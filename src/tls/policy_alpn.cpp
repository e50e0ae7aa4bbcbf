#include "base/bytes.hpp"
#include "tls/policy_state.hpp"

#include <algorithm>
#include <limits>

namespace mesh::tls {
namespace {

constexpr std::string_view postgres_protocol = "postgresql";

using Offer = std::vector<std::string_view>;

/// The protocols of an ALPN list as they stand on the wire, without its outer length.
std::optional<Offer> read_offer(ByteView wire) {
    Offer offer;
    ByteReader reader(wire);
    while (!reader.empty()) {
        const auto protocol = reader.block8();
        if (!protocol || protocol->empty()) return std::nullopt;
        offer.push_back(as_text(*protocol));
    }
    return offer;
}

bool holds(const Offer& offer, std::string_view protocol) {
    return std::find(offer.begin(), offer.end(), protocol) != offer.end();
}

struct Choice {
    enum class Kind { selected, nothing, refused } kind = Kind::refused;
    std::string_view protocol;
};

/// `routed`: what an ALPN() of the route matched, or empty. It decides among the protocols that may
/// be selected, never against them.
Choice choose(const std::vector<std::string>& ours, const Offer& offer, std::string_view routed) {
    const bool sole = offer.size() == 1;
    const bool allowed = ours.empty() || std::find(ours.begin(), ours.end(), routed) != ours.end();
    if (!routed.empty() && allowed && holds(offer, routed)) return {Choice::Kind::selected, routed};
    if (ours.empty()) {
        // Without a pending validation nobody may believe that mesh answers one (RFC 8737 §4).
        if (sole && offer.front() == acme_protocol) return {Choice::Kind::refused, {}};
        if (sole && offer.front() == postgres_protocol)
            return {Choice::Kind::selected, offer.front()};
        return {Choice::Kind::nothing, {}};
    }
    for (const std::string& protocol : ours) {
        if (protocol == acme_protocol && !sole) continue;
        if (holds(offer, protocol)) return {Choice::Kind::selected, protocol};
    }
    return {Choice::Kind::refused, {}};
}

int select(SSL* ssl,
           const unsigned char** out,
           unsigned char* out_size,
           const unsigned char* in,
           unsigned int in_size,
           void*) noexcept {
    try {
        const auto offer = read_offer(ByteView(in, in_size));
        if (!offer) return SSL_TLSEXT_ERR_ALERT_FATAL;
        const Choice choice =
            choose(PolicyState::of(ssl).settings.alpn_protocols, *offer, routed_protocol(ssl));
        switch (choice.kind) {
            case Choice::Kind::nothing:
                return SSL_TLSEXT_ERR_NOACK;
            case Choice::Kind::refused:
                return SSL_TLSEXT_ERR_ALERT_FATAL;
            case Choice::Kind::selected:
                break;
        }
        // The view is into the settings, the session or `in`; all outlive the copy OpenSSL makes.
        *out = as_bytes(choice.protocol).data();
        *out_size = static_cast<unsigned char>(choice.protocol.size());
        return SSL_TLSEXT_ERR_OK;
    } catch (...) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
}

}  // namespace

Status configure_alpn(SSL_CTX* context, const PolicySettings& settings) {
    for (const std::string& protocol : settings.alpn_protocols)
        if (protocol.empty() || protocol.size() > std::numeric_limits<unsigned char>::max())
            return Error{
                Errc::invalid, Origin::config, "an ALPN protocol must be 1 to 255 bytes long"};
    SSL_CTX_set_alpn_select_cb(context, select, nullptr);
    return {};
}

}  // namespace mesh::tls
