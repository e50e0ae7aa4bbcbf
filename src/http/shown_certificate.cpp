#include "http/shown_certificate.hpp"

#include <algorithm>
#include <array>

namespace mesh::http {

namespace {

constexpr std::uint8_t certificate_message = 11;
constexpr std::uint8_t sequence = 0x30;
constexpr std::uint8_t object_identifier = 0x06;
constexpr std::uint8_t version_tag = 0xa0;

/// One DER element (X.690 §8.1) of a certificate: lengths of up to three bytes.
struct Element {
    std::uint8_t tag = 0;
    ByteView content;
};

/// What follows a length: in one byte, or behind 0x81, 0x82, 0x83 in as many as that says.
std::optional<ByteView> read_content(ByteReader& reader) {
    const auto first = reader.u8();
    if (!first) return std::nullopt;
    if (*first < 0x80) return reader.take(*first);
    switch (*first) {
        case 0x81:
            return reader.block8();
        case 0x82:
            return reader.block16();
        case 0x83:
            return reader.block24();
        default:
            return std::nullopt;
    }
}

std::optional<Element> read_element(ByteReader& reader) {
    ByteReader ahead = reader;
    const auto tag = ahead.u8();
    const auto content = tag ? read_content(ahead) : std::nullopt;
    if (!content) return std::nullopt;
    reader = ahead;
    return Element{*tag, *content};
}

std::optional<ByteReader> enter(ByteReader& reader, std::uint8_t tag) {
    const auto element = read_element(reader);
    if (!element || element->tag != tag) return std::nullopt;
    return ByteReader(element->content);
}

std::string printable(ByteView bytes) {
    constexpr std::size_t size_max = 100;
    std::string text(as_text(bytes.first(std::min(bytes.size(), size_max))));
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
}

/// The value if this relative name (a SET of one pair) has the attribute 2.5.4.`kind`.
std::optional<std::string> attribute(ByteView set, std::uint8_t kind) {
    ByteReader reader(set);
    auto pair = enter(reader, sequence);
    if (!pair) return std::nullopt;
    const auto type = read_element(*pair);
    const auto value = read_element(*pair);
    const std::array<std::uint8_t, 3> wanted{0x55, 0x04, kind};
    if (!type || !value || type->tag != object_identifier ||
        !std::equal(type->content.begin(), type->content.end(), wanted.begin(), wanted.end())) {
        return std::nullopt;
    }
    return printable(value->content);
}

std::string read_name(ByteReader name) {
    constexpr std::uint8_t common_name = 3;
    constexpr std::uint8_t organization = 10;
    std::optional<std::string> common;
    std::optional<std::string> company;
    while (const auto part = read_element(name)) {
        if (auto found = attribute(part->content, common_name)) common = std::move(found);
        if (auto found = attribute(part->content, organization)) company = std::move(found);
    }
    return common ? *common : company.value_or("?");
}

/// RFC 5280 §4.1: version, serial, algorithm, issuer, validity, subject.
std::optional<ShownCertificate> read_certificate(ByteView der) {
    ByteReader outer(der);
    auto certificate = enter(outer, sequence);
    if (!certificate) return std::nullopt;
    auto content = enter(*certificate, sequence);
    if (!content) return std::nullopt;
    auto element = read_element(*content);
    if (element && element->tag == version_tag) element = read_element(*content);  // the serial
    if (!element || !read_element(*content)) return std::nullopt;
    const auto issuer = enter(*content, sequence);
    if (!issuer || !read_element(*content)) return std::nullopt;
    const auto subject = enter(*content, sequence);
    if (!subject) return std::nullopt;
    return ShownCertificate{read_name(*subject), read_name(*issuer)};
}

std::optional<ShownCertificate> read_list(ByteReader message) {
    const auto list = message.block24();
    if (!list || !message.empty()) return std::nullopt;
    const auto first = ByteReader(*list).block24();
    return first ? read_certificate(*first) : std::nullopt;
}

}  // namespace

std::optional<ShownCertificate> read_certificate_message(ByteView message) {
    ByteReader reader(message);
    const auto kind = reader.u8();
    const auto body = reader.block24();
    if (!kind || *kind != certificate_message || !body) return std::nullopt;
    // Before TLS 1.3 the list comes at once, since then behind a context of one length byte.
    if (auto shown = read_list(ByteReader(*body))) return shown;
    ByteReader later(*body);
    if (!later.block8()) return std::nullopt;
    return read_list(later);
}

}  // namespace mesh::http
