// The challenge certificate against the strict reading of RFC 8737 that Boulder applies. The DER
// is walked by hand: a library would forgive what a CA does not.
#include "authority.hpp"
#include "support/catch.hpp"
#include "tls/certificate.hpp"

using namespace mesh;
using namespace mesh::tls;
using namespace mesh::tls::test;

namespace {

struct Element {
    std::uint8_t tag = 0;
    ByteView content;
    ByteView whole;
};

/// One DER element; fails the test on anything DER does not allow.
Element take(ByteReader& reader) {
    const ByteView before = reader.rest();
    Element element;
    element.tag = reader.u8().value();
    std::size_t length = reader.u8().value();
    if (length >= 0x80) {
        const std::size_t width = length & 0x7FU;
        REQUIRE(width >= 1);
        REQUIRE(width <= 2);
        length = 0;
        const ByteView octets = reader.take(width).value();
        for (const std::uint8_t byte : octets) length = length << 8U | byte;
        REQUIRE(length >= (width == 1 ? 0x80U : 0x100U));  // the shortest form
    }
    element.content = reader.take(length).value();
    element.whole = before.first(before.size() - reader.remaining());
    return element;
}

struct Extension {
    Bytes oid;
    bool critical = false;
    ByteView value;
};

struct Parsed {
    ByteView issuer, subject;
    std::uint8_t version = 0;
    ByteView serial;
    std::vector<Extension> extensions;
};

Extension read_extension(ByteView content) {
    ByteReader fields(content);
    Extension extension;
    const Element oid = take(fields);
    REQUIRE(oid.tag == 0x06);
    extension.oid.assign(oid.content.begin(), oid.content.end());
    Element next = take(fields);
    if (next.tag == 0x01) {
        REQUIRE(next.content.size() == 1);
        REQUIRE(next.content[0] == 0xFF);  // DER's only TRUE; FALSE is left out
        extension.critical = true;
        next = take(fields);
    }
    REQUIRE(next.tag == 0x04);
    extension.value = next.content;
    REQUIRE(fields.empty());
    return extension;
}

Parsed parse(ByteView der) {
    ByteReader outer(der);
    ByteReader certificate(take(outer).content);
    REQUIRE(outer.empty());
    ByteReader body(take(certificate).content);
    Parsed parsed;
    ByteReader version(take(body).content);
    parsed.version = take(version).content[0];
    parsed.serial = take(body).content;
    take(body);  // signature algorithm
    parsed.issuer = take(body).whole;
    take(body);  // validity
    parsed.subject = take(body).whole;
    take(body);  // public key
    const Element wrapped = take(body);
    REQUIRE(wrapped.tag == 0xA3);
    REQUIRE(body.empty());
    ByteReader explicit_tag(wrapped.content);
    ByteReader list(take(explicit_tag).content);
    while (!list.empty()) parsed.extensions.push_back(read_extension(take(list).content));
    return parsed;
}

Bytes der_of(const Credential& credential) {
    X509* const x = credential.chain().native().front().get();
    Bytes der(static_cast<std::size_t>(i2d_X509(x, nullptr)));
    unsigned char* cursor = der.data();
    i2d_X509(x, &cursor);
    return der;
}

const Bytes san_oid = {0x55, 0x1D, 0x11};
const Bytes acme_oid = {0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x1F};

const Extension& find(const Parsed& parsed, const Bytes& oid) {
    const auto found = std::find_if(parsed.extensions.begin(),
                                    parsed.extensions.end(),
                                    [&oid](const Extension& e) { return e.oid == oid; });
    REQUIRE(found != parsed.extensions.end());
    return *found;
}

}  // namespace

TEST_CASE("challenge certificate: exact to the byte where RFC 8737 is") {
    const std::string long_name = std::string(60, 'a') + "." + std::string(60, 'b') + "." +
                                  std::string(60, 'c') + "." + std::string(60, 'd') + ".example";
    for (const std::string& name : {std::string("shop.example"), long_name}) {
        CAPTURE(name);
        const std::string authorization = "token.thumbprint";
        const auto credential =
            make_challenge_credential(*Hostname::parse(name), authorization, wall_now());
        REQUIRE(credential.has_value());
        REQUIRE((*credential)->chain().size() == 1);
        const Bytes der = der_of(**credential);
        const Parsed parsed = parse(der);

        CHECK(parsed.version == 2);  // v3
        CHECK(parsed.serial.size() == 16);
        CHECK(parsed.serial[0] < 0x80);
        CHECK(std::equal(parsed.issuer.begin(),
                         parsed.issuer.end(),
                         parsed.subject.begin(),
                         parsed.subject.end()));

        for (const Extension& extension : parsed.extensions)
            CHECK(std::count_if(parsed.extensions.begin(),
                                parsed.extensions.end(),
                                [&](const Extension& e) { return e.oid == extension.oid; }) == 1);

        // SEQUENCE { [2] IA5String name }, and nothing more.
        ByteReader san(find(parsed, san_oid).value);
        const Element names = take(san);
        CHECK(san.empty());
        ByteReader entries(names.content);
        const Element entry = take(entries);
        CHECK(entries.empty());
        CHECK(entry.tag == 0x82);
        CHECK(as_text(entry.content) == name);

        const Extension& identifier = find(parsed, acme_oid);
        CHECK(identifier.critical);
        Bytes expected = {0x04, 0x20};
        const Bytes digest = sha256(authorization);
        expected.insert(expected.end(), digest.begin(), digest.end());
        CHECK(Bytes(identifier.value.begin(), identifier.value.end()) == expected);
    }
}

TEST_CASE("challenge certificate: signed by itself, P-256, valid now, never the same twice") {
    const WallTime now = wall_now();
    const Hostname name = *Hostname::parse("shop.example");
    const auto first = *make_challenge_credential(name, "a.b", now);
    const auto second = *make_challenge_credential(name, "a.b", now);
    X509* const x = first->chain().native().front().get();
    CHECK(X509_verify(x, X509_get0_pubkey(x)) == 1);
    CHECK(first->key().public_jwk().has_value());
    CHECK(first->facts().not_before < now);
    CHECK(first->facts().not_after > now);
    CHECK(first->facts().serial != second->facts().serial);
    CHECK(EVP_PKEY_eq(first->key().native(), second->key().native()) != 1);
}
