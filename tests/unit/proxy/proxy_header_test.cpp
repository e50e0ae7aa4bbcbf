// PROXY headers, as bytes: what proxies send, in every split, and what is none or malformed.
#include "proxy/proxy_header.hpp"

#include "base/bytes.hpp"
#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace mesh;
using namespace mesh::proxy;
using namespace std::string_literals;

namespace {

const std::string v2 = "\r\n\r\n\0\r\nQUIT\n"s;
const std::string tcp4 = "\xc0\x00\x02\x01\xcb\x00\x71\x07\xdc\x04\x01\xbb"s;

std::string size_of(std::size_t size) {
    return {static_cast<char>(size >> 8U), static_cast<char>(size & 0xffU)};
}

/// A header of version 2 whose length is right.
std::string second(const std::string& version_and_command,
                   const std::string& family,
                   const std::string& block) {
    return v2 + version_and_command + family + size_of(block.size()) + block;
}

ProxyHeader read(const std::string& bytes) {
    return read_proxy_header(as_bytes(bytes));
}

std::string text_of(const ProxyHeader& header) {
    if (!header.addresses) return "own";
    return header.addresses->source.text() + " to " + header.addresses->destination.text();
}

/// A checksum extension.
std::string checksum(const std::string& value) {
    return "\x03"s + size_of(value.size()) + value;
}

}  // namespace

TEST_CASE("PROXY header: what proxies send, in every split", "[proxy_header]") {
    struct Case {
        std::string header;
        std::string text;
    };
    const std::string tcp6_1 = "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n";
    const std::string ip6 =
        "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
        "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
        "\xdc\x04\x01\xbb"s;
    const std::string mapped =
        "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01"
        "\0\0\0\0\0\0\0\0\0\0\xff\xff\xcb\0\x71\x07"
        "\xdc\x04\x01\xbb"s;
    const std::string longest =
        "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    REQUIRE(longest.size() == 107);
    const Case cases[] = {
        {"PROXY TCP4 192.0.2.1 203.0.113.7 56324 443\r\n", "192.0.2.1:56324 to 203.0.113.7:443"},
        {tcp6_1, "[2001:db8::1]:56324 to [2001:db8::2]:443"},
        {"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:203.0.113.7 0 65535\r\n",
         "192.0.2.1:0 to 203.0.113.7:65535"},
        {"PROXY UNKNOWN\r\n", "own"},
        {longest, "own"},
        {"PROXY UNKNOWN \x01\xff PROXY\r\n", "own"},
        {second("\x21", "\x11", tcp4), "192.0.2.1:56324 to 203.0.113.7:443"},
        {second("\x21", "\x12", tcp4), "192.0.2.1:56324 to 203.0.113.7:443"},
        {second("\x21", "\x21", ip6), "[2001:db8::1]:56324 to [2001:db8::2]:443"},
        {second("\x21", "\x21", mapped), "192.0.2.1:56324 to 203.0.113.7:443"},
        {second("\x21", "\x31", std::string(216, 'u')), "own"},
        {second("\x21", "\0"s, ""), "own"},
        {second("\x21", "\0"s, "whatever"), "own"},
        {second("\x20", "\0"s, ""), "own"},
        {second("\x20", "\x11", tcp4), "own"},
        {second("\x20", "\xff", "ignored, the family too"), "own"},
        // With extensions: a name, one without content, and as much as fits.
        {second("\x21", "\x11", tcp4 + "\x02" + size_of(12) + "shop.example" + "\x04\0\0"s),
         "192.0.2.1:56324 to 203.0.113.7:443"},
        {second("\x21", "\x11", tcp4 + "\x04" + size_of(505) + std::string(505, '\0')),
         "192.0.2.1:56324 to 203.0.113.7:443"},
    };
    for (const Case& test : cases) {
        CAPTURE(test.header);
        for (const std::string& behind : {""s, "\x16\x03\x01"s, test.header}) {
            const ProxyHeader header = read(test.header + behind);
            CHECK(header.state == ProxyHeader::State::done);
            CHECK(header.size == test.header.size());
            CHECK(text_of(header) == test.text);
        }
        const std::size_t signature = test.header[0] == 'P' ? 6 : 12;
        for (std::size_t size = 0; size < test.header.size(); ++size) {
            const ProxyHeader part = read(test.header.substr(0, size));
            CHECK(part.state == (size < signature ? ProxyHeader::State::undecided
                                                  : ProxyHeader::State::incomplete));
            CHECK_FALSE(part.addresses);
        }
    }
}

TEST_CASE("PROXY header: other protocols' first bytes are none", "[proxy_header]") {
    for (const std::string& bytes : {"\x16\x03\x01\x02\x00"s,
                                     "GET / HTTP/1.1\r\n"s,
                                     "PROXZ"s,
                                     "PROXY\t"s,
                                     "proxy TCP4"s,
                                     "PROPFIND / HTTP/1.1\r\n"s,
                                     "\0\0\0\x08\x04\xd2\x16\x2f"s,
                                     "\r\n\r\n\r\n"s,
                                     "\r\n\r\n\0\r\nQUIT\r"s,
                                     "x"s}) {
        CAPTURE(bytes);
        CHECK(read(bytes).state == ProxyHeader::State::none);
    }
}

TEST_CASE("PROXY header: malformed ones are known as early as they can be", "[proxy_header]") {
    const std::string tcp4_header = second("\x21", "\x11", tcp4);
    for (const std::string& bytes : {
             // Version 1.
             "PROXY TCP4 192.0.2.1 203.0.113.7 56324 443\n"s,
             "PROXY TCP4 192.0.2.1 203.0.113.7 56324 443\rX"s,
             "PROXY TCP4 192.0.2.1 203.0.113.7 56324 443 \r\n"s,
             "PROXY TCP4 192.0.2.1 203.0.113.7 56324 443 1\r\n"s,
             "PROXY  TCP4 192.0.2.1 203.0.113.7 56324 443\r\n"s,
             "PROXY TCP4  192.0.2.1 203.0.113.7 56324 443\r\n"s,
             "PROXY TCP4 192.0.2.1 203.0.113.7 56324\r\n"s,
             "PROXY TCP4 192.0.2.1 203.0.113.7 56324 65536\r\n"s,
             "PROXY TCP4 192.0.2.1 203.0.113.7 56324 -1\r\n"s,
             "PROXY TCP4 192.0.2.1 203.0.113.7 56324 0443\r\n"s,
             "PROXY TCP4 192.0.2.1 203.0.113.7 56324 +443\r\n"s,
             "PROXY TCP4 192.0.2.1 203.0.113.7 56324 \r\n"s,
             "PROXY TCP4 192.0.2.256 203.0.113.7 56324 443\r\n"s,
             "PROXY TCP4 192.0.2.1\0.5 203.0.113.7 56324 443\r\n"s,
             "PROXY TCP4 2001:db8::1 2001:db8::2 56324 443\r\n"s,
             "PROXY TCP6 192.0.2.1 203.0.113.7 56324 443\r\n"s,
             "PROXY TCP6 fe80::1%eth0 2001:db8::2 56324 443\r\n"s,
             "PROXY tcp4 192.0.2.1 203.0.113.7 56324 443\r\n"s,
             "PROXY UDP4 192.0.2.1 203.0.113.7 56324 443\r\n"s,
             "PROXY UNKNOWNS\r\n"s,
             "PROXY \r\n"s,
             "PROXY UNKNOWN" + std::string(94, ' '),
             "PROXY UNKNOWN" + std::string(93, ' ') + "\r",
             // Version 2.
             v2 + "\x11",
             v2 + "\x31",
             v2 + "\x22",
             v2 + "\x2f",
             v2 + "\x21\x11" + size_of(521),
             v2 + "\x20\x00\xff\xff"s,
             second("\x21", "\x10", tcp4),
             second("\x21", "\x13", tcp4),
             second("\x21", "\x41", tcp4),
             second("\x21", "\x01", tcp4),
             second("\x21", "\x11", tcp4.substr(1)),
             second("\x21", "\x11", ""),
             second("\x21", "\x21", tcp4),
             second("\x21", "\x31", std::string(215, 'u')),
             second("\x21", "\x11", tcp4 + "\x04"),
             second("\x21", "\x11", tcp4 + "\x04\0"s),
             second("\x21", "\x11", tcp4 + "\x04" + size_of(1)),
             second("\x21", "\x11", tcp4 + "\x04" + size_of(2) + "x"),
         }) {
        CAPTURE(bytes);
        const ProxyHeader header = read(bytes);
        CHECK(header.state == ProxyHeader::State::malformed);
        CHECK_FALSE(header.reason.empty());
        CHECK_FALSE(header.addresses);
    }
}

TEST_CASE("PROXY header: a checksum is verified where there is one", "[proxy_header]") {
    // The sum of this very header, by another implementation.
    const std::string right = "\x1c\x41\xa5\x9e"s;
    const std::string other = "\x04" + size_of(3) + "abc";
    const auto with = [&](const std::string& sum) {
        return second("\x21", "\x11", tcp4 + other + checksum(sum));
    };
    CHECK(read(with(right)).state == ProxyHeader::State::done);
    for (std::size_t bit = 0; bit < 32; ++bit) {
        std::string wrong = right;
        wrong[bit / 8] = static_cast<char>(wrong[bit / 8] ^ (1 << bit % 8));
        CHECK(read(with(wrong)).state == ProxyHeader::State::malformed);
    }
    CHECK(read(with(right.substr(1))).state == ProxyHeader::State::malformed);
    CHECK(read(with(right + "\0"s)).state == ProxyHeader::State::malformed);
    CHECK(read(with(right) + "more").state == ProxyHeader::State::done);
    std::string moved = with(right);
    moved[20] ^= 1;  // an address
    CHECK(read(moved).state == ProxyHeader::State::malformed);
}

TEST_CASE("PROXY header: what is written can be read, and families are never mixed",
          "[proxy_header]") {
    const auto at = [](const char* ip, std::uint16_t port) {
        return *SocketAddress::parse(ip, port);
    };
    const ProxiedAddresses v4{at("192.0.2.1", 56324), at("203.0.113.7", 443)};
    const ProxiedAddresses v6{at("2001:db8::1", 1), at("2001:db8::2", 65535)};
    const ProxiedAddresses dual{at("::ffff:192.0.2.1", 56324), at("203.0.113.7", 443)};
    const ProxiedAddresses mixed{at("192.0.2.1", 56324), at("2001:db8::2", 443)};
    const auto line = [](const std::optional<ProxiedAddresses>& addresses) {
        return std::string(as_text(write_proxy_header(model::ProxyVersion::v1, addresses)));
    };
    CHECK(line(v4) == "PROXY TCP4 192.0.2.1 203.0.113.7 56324 443\r\n");
    CHECK(line(dual) == line(v4));
    CHECK(line(v6) == "PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n");
    CHECK(line(mixed) == "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 56324 443\r\n");
    CHECK(line(std::nullopt) == "PROXY UNKNOWN\r\n");
    const Bytes binary = write_proxy_header(model::ProxyVersion::v2, v4);
    CHECK(std::string(as_text(binary)) == second("\x21", "\x11", tcp4));
    for (const auto version : {model::ProxyVersion::v1, model::ProxyVersion::v2}) {
        for (const ProxiedAddresses& addresses : {v4, v6, dual, mixed}) {
            const Bytes header = write_proxy_header(version, addresses);
            const ProxyHeader back = read_proxy_header(header);
            CHECK(back.state == ProxyHeader::State::done);
            CHECK(back.size == header.size());
            CHECK(text_of(back) == addresses.source.text() + " to " + addresses.destination.text());
        }
        CHECK(text_of(read_proxy_header(write_proxy_header(version, std::nullopt))) == "own");
    }
}
