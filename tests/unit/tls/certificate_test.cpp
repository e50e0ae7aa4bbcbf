#include "tls/certificate.hpp"

#include "authority.hpp"
#include "base/time_text.hpp"
#include "support/catch.hpp"

#include <openssl/pem.h>

#include <set>

using namespace mesh;
using namespace mesh::tls;
using namespace mesh::tls::test;

namespace {

std::string with_crlf(std::string text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') out.push_back('\r');
        out.push_back(c);
    }
    return out;
}

/// The base64 of a PEM block on a single line.
std::string on_one_line(const std::string& pem) {
    const std::size_t begin = pem.find('\n') + 1;
    const std::size_t end = pem.find("-----END");
    std::string body = pem.substr(begin, end - begin);
    std::erase(body, '\n');
    return pem.substr(0, begin) + body + "\n" + pem.substr(end);
}

std::vector<X509*> raw(const CertificateChain& chain) {
    std::vector<X509*> certificates;
    for (const auto& certificate : chain.native()) certificates.push_back(certificate.get());
    return certificates;
}

bool same(const CertificateChain& chain, const std::vector<Party>& expected) {
    const auto certificates = raw(chain);
    return std::equal(
        certificates.begin(),
        certificates.end(),
        expected.begin(),
        expected.end(),
        [](X509* a, const Party& b) { return X509_cmp(a, b.certificate.get()) == 0; });
}

}  // namespace

TEST_CASE("certificate chain: PEM as people and CAs write it is read") {
    const World world;
    const Party leaf = world.leaf();
    const std::string pem = leaf.certificate_pem() + world.intermediate.certificate_pem();
    const std::vector<Party> expected = {leaf, world.intermediate};

    const std::vector<std::pair<std::string, std::string>> spellings = {
        {"plain", pem},
        {"CRLF", with_crlf(pem)},
        {"no final newline", pem.substr(0, pem.size() - 1)},
        {"byte order mark", "\xEF\xBB\xBF" + pem},
        {"comments", "# my certificate\nsubject=CN = leaf\n" + pem + "\nthe end\n"},
        {"key in the same file", leaf.key_pem() + pem},
        {"single lines",
         on_one_line(leaf.certificate_pem()) + on_one_line(world.intermediate.certificate_pem())},
        {"root at the end", pem + world.root.certificate_pem()},
        {"duplicates", pem + pem},
        {"unordered", world.intermediate.certificate_pem() + leaf.certificate_pem()},
        {"root first",
         world.root.certificate_pem() + world.intermediate.certificate_pem() +
             leaf.certificate_pem()},
    };
    for (const auto& [name, text] : spellings) {
        CAPTURE(name);
        const auto chain = CertificateChain::from_pem(text);
        REQUIRE(chain.has_value());
        CHECK(same(*chain, expected));
    }
}

TEST_CASE("certificate chain: a self-signed certificate alone is kept") {
    const Party root = make_root();
    const auto chain = CertificateChain::from_pem(root.certificate_pem());
    REQUIRE(chain.has_value());
    CHECK(chain->size() == 1);
}

TEST_CASE("certificate chain: what is written is read again as it was") {
    const World world;
    const auto chain = world.credential()->chain();
    const auto again = CertificateChain::from_pem(chain.to_pem());
    REQUIRE(again.has_value());
    CHECK(again->facts().sha256 == chain.facts().sha256);
    CHECK(again->to_pem() == chain.to_pem());
}

TEST_CASE("certificate chain: chains of one issuer share it, and count it once") {
    const World world;
    const std::vector<Party> leaves = {world.leaf(), world.leaf()};
    const auto read = [&](const Party& leaf) {
        return CertificateChain::from_pem(leaf.certificate_pem() +
                                          world.intermediate.certificate_pem());
    };
    auto first = read(leaves[0]);
    const auto second = read(leaves[1]);
    REQUIRE(first.has_value());
    REQUIRE(second.has_value());
    CHECK(same(*second, {leaves[1], world.intermediate}));
    CHECK(raw(*first)[0] != raw(*second)[0]);
    CHECK(raw(*first)[1] == raw(*second)[1]);
    CHECK(first->memory_size() > second->memory_size());

    // The one that was parsed first may go, and all of them.
    first = Error{};
    CHECK(same(*second, {leaves[1], world.intermediate}));
    const World other;
    const auto third = CertificateChain::from_pem(leaves[0].certificate_pem() +
                                                  other.intermediate.certificate_pem());
    REQUIRE(third.has_value());
    CHECK(raw(*third)[1] != raw(*second)[1]);
}

TEST_CASE("certificate chain: bad text is refused with its reason") {
    const World world;
    const std::string pem = world.leaf().certificate_pem();
    std::string garbled = pem;
    garbled[100] = '!';
    std::string other_der = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
    std::string many;
    for (int i = 0; i < 11; ++i) many += world.leaf().certificate_pem();

    const std::vector<std::pair<std::string, std::string>> cases = {
        {"", "no certificate"},
        {"not a certificate", "no certificate"},
        {world.leaf().key_pem(), "no certificate"},
        {garbled, "cannot be decoded"},
        {pem.substr(0, pem.size() - 40), "cannot be decoded"},
        {other_der, "does not parse"},
        {many, "more than 10"},
        {std::string(2U << 20U, 'x'), "longer than 1 MiB"},
    };
    for (const auto& [text, reason] : cases) {
        CAPTURE(reason);
        const auto chain = CertificateChain::from_pem(text);
        REQUIRE_FALSE(chain.has_value());
        CHECK_THAT(chain.error().message, ContainsSubstring(reason));
    }
}

TEST_CASE("certificate chain: a certificate over 64 KiB is refused") {
    LeafOptions options;
    options.names.clear();
    for (int i = 0; i < 3000; ++i)
        options.names.push_back("a-rather-long-name-" + std::to_string(i) + ".example");
    const auto chain = CertificateChain::from_pem(make_root().certificate_pem() +
                                                  World().leaf(options).certificate_pem());
    REQUIRE_FALSE(chain.has_value());
    CHECK(chain.error().code == Errc::limit);
}

TEST_CASE("certificate facts: names, dates, serial and fingerprint as the certificate has them") {
    LeafOptions options;
    options.names = {"Shop.Example", "*.shop.example"};
    const World world;
    const WallTime before = wall_now();
    const auto credential = world.credential(options);
    const CertificateFacts& facts = credential->facts();

    REQUIRE(facts.names.size() == 2);
    CHECK(facts.names[0].text() == "shop.example");
    CHECK(facts.names[1].text() == "*.shop.example");
    CHECK(facts.issuer == "CN = Test Intermediate");
    CHECK(std::chrono::abs(facts.not_before - (before - std::chrono::hours(1))) <
          std::chrono::seconds(10));
    CHECK(std::chrono::abs(facts.not_after - (before + std::chrono::hours(24))) <
          std::chrono::seconds(10));
    CHECK(facts.sha256.size() == 64);
}

TEST_CASE("certificate facts: the serial is spelled as on the wire") {
    const World world;
    const Party leaf = world.leaf();
    const auto serial_of = [&](std::uint64_t number) {
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(leaf.certificate.get()), number);
        REQUIRE(X509_sign(leaf.certificate.get(), world.intermediate.key.get(), EVP_sha256()) > 0);
        return CertificateChain::from_pem(leaf.certificate_pem())->facts().serial;
    };
    CHECK(serial_of(0x03A4) == "03a4");
    CHECK(serial_of(0x7F) == "7f");
    CHECK(serial_of(0x80) == "0080");  // a padding byte keeps it positive
    CHECK(serial_of(0) == "00");
}

TEST_CASE("certificate facts: dates of any year and form") {
    const World world;
    const Party leaf = world.leaf();
    X509* const x = leaf.certificate.get();
    REQUIRE(ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "491231235959Z") == 1);
    REQUIRE(ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "99991231235959Z") == 1);
    REQUIRE(X509_sign(x, world.intermediate.key.get(), EVP_sha256()) > 0);
    const auto chain = CertificateChain::from_pem(leaf.certificate_pem());
    REQUIRE(chain.has_value());
    CHECK(rfc3339(chain->facts().not_before) == "2049-12-31T23:59:59Z");
    CHECK(rfc3339(chain->facts().not_after) == "9999-12-31T23:59:59Z");
}

TEST_CASE("certificate facts: a name with a foreign byte in it is no name") {
    const World world;
    const Party leaf = world.leaf({.names = {}});
    const GeneralNamesPtr list(GENERAL_NAMES_new());
    const auto add = [&list](std::string_view text) {
        GENERAL_NAME* const name = GENERAL_NAME_new();
        ASN1_IA5STRING* const value = ASN1_IA5STRING_new();
        ASN1_STRING_set(value, text.data(), static_cast<int>(text.size()));
        GENERAL_NAME_set0_value(name, GEN_DNS, value);
        sk_GENERAL_NAME_push(list.get(), name);
    };
    add(std::string_view("bank.example\0.evil.example", 26));
    add("b\xC3\xA4nk.example");
    add("*.*.example");
    add("good.example");
    X509* const x = leaf.certificate.get();
    REQUIRE(X509_add1_ext_i2d(x, NID_subject_alt_name, list.get(), 0, X509V3_ADD_DEFAULT) == 1);
    REQUIRE(X509_sign(x, world.intermediate.key.get(), EVP_sha256()) > 0);

    const auto chain = CertificateChain::from_pem(leaf.certificate_pem());
    REQUIRE(chain.has_value());
    REQUIRE(chain->facts().names.size() == 1);
    CHECK(chain->facts().names[0].text() == "good.example");
}

TEST_CASE("credential: a key of another certificate is refused") {
    const World world;
    const Party a = world.leaf();
    const Party b = world.leaf();
    CHECK(Credential::from_pem(a.certificate_pem(), a.key_pem()).has_value());
    const auto mixed = Credential::from_pem(a.certificate_pem(), b.key_pem());
    REQUIRE_FALSE(mixed.has_value());
    CHECK_THAT(mixed.error().message, ContainsSubstring("does not belong"));
}

TEST_CASE("default certificate: for a name nobody has, for a year, with its own key") {
    const WallTime now = wall_now();
    const auto credential = make_default_credential(now);
    REQUIRE(credential.has_value());
    const CertificateFacts& facts = (*credential)->facts();
    REQUIRE(facts.names.size() == 1);
    CHECK(facts.names[0].text() == "mesh.default.invalid");
    CHECK(facts.not_before <= now);
    CHECK(facts.not_after >= now + std::chrono::hours(24 * 364));
    CHECK(prove(**credential, facts.names, now).has_value());
    CHECK((*make_default_credential(now))->facts().serial != facts.serial);
}
