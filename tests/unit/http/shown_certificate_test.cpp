// What a message says about a certificate that was not accepted, read from the handshake.
#include "http/shown_certificate.hpp"

#include "server_certificate.hpp"
#include "support/catch.hpp"

namespace mesh::http {
namespace {

Bytes der_of(X509* certificate) {
    Bytes der(static_cast<std::size_t>(i2d_X509(certificate, nullptr)));
    unsigned char* out = der.data();
    i2d_X509(certificate, &out);
    return der;
}

Bytes block24(const Bytes& content) {
    Bytes block{static_cast<std::uint8_t>(content.size() >> 16U),
                static_cast<std::uint8_t>(content.size() >> 8U),
                static_cast<std::uint8_t>(content.size())};
    block.insert(block.end(), content.begin(), content.end());
    return block;
}

Bytes message(const Bytes& body) {
    Bytes whole = block24(body);
    whole.insert(whole.begin(), 11);
    return whole;
}

Bytes tls12(const Bytes& der) {
    return message(block24(block24(der)));
}

Bytes tls13(const Bytes& der) {
    Bytes entry = block24(der);
    entry.insert(entry.end(), {0, 0});  // no extensions
    Bytes body = block24(entry);
    body.insert(body.begin(), 0);  // no context
    return message(body);
}

Bytes certificate(const std::string& name) {
    const test::TestAuthority authority("Office TLS Inspection");
    return der_of(authority.issue(name, "DNS:ca.example").certificate.get());
}

TEST_CASE("shown certificate: subject and issuer, in the form of both generations of TLS") {
    const Bytes der = certificate("ca.example");
    for (const Bytes& sent : {tls12(der), tls13(der)}) {
        const auto shown = read_certificate_message(sent);
        REQUIRE(shown);
        CHECK(shown->subject == "ca.example");
        CHECK(shown->issuer == "Office TLS Inspection");
    }
}

TEST_CASE("shown certificate: names cannot carry control bytes or grow") {
    const auto control = read_certificate_message(tls13(certificate("a\nb\x1b[31m")));
    REQUIRE(control);
    CHECK(control->subject == "a?b?[31m");
    const auto local = read_certificate_message(tls13(certificate("\xc3\xa4")));
    REQUIRE(local);
    CHECK(local->subject == "??");
}

TEST_CASE("shown certificate: every cut and every changed byte is survived") {
    const Bytes whole = tls13(certificate("ca.example"));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        CHECK_FALSE(read_certificate_message(ByteView(whole).first(size)));
    }
    for (std::size_t i = 0; i < whole.size(); ++i) {
        for (const int bit : {0x01, 0x80, 0xff}) {
            Bytes changed = whole;
            changed[i] = static_cast<std::uint8_t>(changed[i] ^ bit);
            const auto shown = read_certificate_message(changed);
            if (shown && shown->subject.size() > 100) FAIL("unbounded");
        }
    }
}

TEST_CASE("shown certificate: other messages are none") {
    CHECK_FALSE(read_certificate_message({}));
    CHECK_FALSE(read_certificate_message(Bytes{1, 0, 0, 0}));
    CHECK_FALSE(read_certificate_message(Bytes{11, 0, 0, 4, 0, 0, 0, 0}));
    CHECK_FALSE(read_certificate_message(Bytes{11, 0, 0, 3, 0, 0, 0}));
}

}  // namespace
}  // namespace mesh::http
