#include "tls/hello_check.hpp"

#include "base/bytes.hpp"
#include "base/hostname.hpp"

#include <arpa/inet.h>
#include <array>

namespace mesh::tls {
namespace {

constexpr std::uint8_t host_name_type = 0;  // RFC 6066 §3

struct Read {
    bool malformed = false;
    std::optional<std::string_view> server_name;
    std::vector<std::string_view> alpn;
};

std::optional<ByteView> extension(SSL* ssl, unsigned int type) {
    const unsigned char* data = nullptr;
    std::size_t size = 0;
    if (SSL_client_hello_get0_ext(ssl, type, &data, &size) != 1) return std::nullopt;
    return ByteView(data, size);
}

/// A server_name extension: a list of exactly one entry, a host name that is not empty.
std::optional<std::string_view> read_server_name(ByteView content) {
    ByteReader outer(content);
    const auto list = outer.block16();
    if (!list || !outer.empty()) return std::nullopt;
    ByteReader entries(*list);
    const auto type = entries.u8();
    const auto name = entries.block16();
    if (!type || *type != host_name_type || !name || name->empty() || !entries.empty())
        return std::nullopt;
    return as_text(*name);
}

/// An ALPN extension: a list of at least one protocol, none empty (RFC 7301 §3.1).
std::optional<std::vector<std::string_view>> read_alpn(ByteView content) {
    ByteReader outer(content);
    const auto list = outer.block16();
    if (!list || list->empty() || !outer.empty()) return std::nullopt;
    std::vector<std::string_view> protocols;
    ByteReader entries(*list);
    while (!entries.empty()) {
        const auto protocol = entries.block8();
        if (!protocol || protocol->empty()) return std::nullopt;
        protocols.push_back(as_text(*protocol));
    }
    return protocols;
}

Read read_hello(SSL* ssl) {
    Read read;
    if (const auto content = extension(ssl, TLSEXT_TYPE_server_name)) {
        read.server_name = read_server_name(*content);
        if (!read.server_name) read.malformed = true;
    }
    if (const auto content = extension(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation)) {
        auto protocols = read_alpn(*content);
        if (!protocols)
            read.malformed = true;
        else
            read.alpn = std::move(*protocols);
    }
    return read;
}

bool is_address(std::string_view read) {
    // inet_pton sees a C string: a NUL must not hide what follows it.
    if (read.find('\0') != std::string_view::npos) return false;
    const std::string text(read);
    std::array<unsigned char, sizeof(in6_addr)> parsed{};
    return inet_pton(AF_INET, text.c_str(), parsed.data()) == 1 ||
           inet_pton(AF_INET6, text.c_str(), parsed.data()) == 1;
}

bool same_name(std::optional<std::string_view> read, const std::optional<std::string>& expected) {
    if (!read) return !expected;
    const auto name = Hostname::parse(*read);
    if (name) return expected && name->text() == *expected;
    return !expected && is_address(*read);
}

}  // namespace

HelloVerdict compare_hello(SSL* ssl, const ExpectedHello& expected) {
    const Read read = read_hello(ssl);
    if (read.malformed) return HelloVerdict::malformed;
    const bool same_alpn =
        std::equal(read.alpn.begin(), read.alpn.end(), expected.alpn.begin(), expected.alpn.end());
    return same_alpn && same_name(read.server_name, expected.server_name) ? HelloVerdict::equal
                                                                          : HelloVerdict::different;
}

HelloVerdict check_hello(SSL* ssl) {
    return read_hello(ssl).malformed ? HelloVerdict::malformed : HelloVerdict::equal;
}

}  // namespace mesh::tls
