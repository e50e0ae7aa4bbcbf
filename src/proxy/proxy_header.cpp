#include "proxy/proxy_header.hpp"

#include "base/ip_network.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

namespace mesh::proxy {

namespace {

using State = ProxyHeader::State;

constexpr std::string_view v1_signature = "PROXY ";
constexpr std::size_t v1_line_max = 107;  // with its line end
constexpr std::string_view v2_signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t v2_fixed_size = 16;  // signature, version and command, family, length
constexpr std::uint8_t v2_version = 2;
constexpr std::uint8_t tlv_checksum = 0x03;

enum class Command : std::uint8_t { local = 0, proxy = 1 };
/// Address family and transport, as one byte of version 2 has them.
enum class Family : std::uint8_t {
    unspecified = 0x00,
    tcp4 = 0x11,
    udp4 = 0x12,
    tcp6 = 0x21,
    udp6 = 0x22,
    unix_stream = 0x31,
    unix_datagram = 0x32,
};

ProxyHeader malformed(std::string_view reason) {
    return {State::malformed, 0, std::nullopt, reason};
}

bool begins(std::string_view text, std::string_view with) {
    return text.substr(0, with.size()) == with.substr(0, text.size());
}

/// A word up to the next space, which is taken too.
std::string_view next_word(std::string_view& text) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return word;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    // Leading zeros are not allowed.
    return std::to_string(port) == text ? std::optional(port) : std::nullopt;
}

std::optional<SocketAddress> parse_v1_address(std::string_view ip,
                                              std::string_view port_text,
                                              bool v4) {
    // Only then it is a text without a NUL in it, too.
    if (ip.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos)
        return std::nullopt;
    const auto port = parse_port(port_text);
    const auto address = SocketAddress::parse(std::string(ip), port.value_or(0));
    if (!port || !address || (address->family() == AF_INET) != v4) return std::nullopt;
    return SocketAddress::of_ip(address->ip(), *port);
}

/// `line`: without signature and line end.
ProxyHeader read_v1_line(std::string_view line, std::size_t size) {
    const std::string_view protocol = next_word(line);
    if (protocol == "UNKNOWN") return {State::done, size};  // what follows means nothing
    if (protocol != "TCP4" && protocol != "TCP6") return malformed("its protocol is unknown");
    const bool v4 = protocol == "TCP4";
    const std::string_view source_ip = next_word(line);
    const std::string_view destination_ip = next_word(line);
    const std::string_view source_port = next_word(line);
    const auto source = parse_v1_address(source_ip, source_port, v4);
    const auto destination = parse_v1_address(destination_ip, line, v4);
    if (!source || !destination) return malformed("it has no two addresses with ports");
    return {State::done, size, ProxiedAddresses{*source, *destination}};
}

ProxyHeader read_v1(std::string_view text) {
    text = text.substr(0, v1_line_max);
    const std::size_t end = text.find_first_of("\r\n");
    if (end == std::string_view::npos)
        return text.size() < v1_line_max ? ProxyHeader{State::incomplete}
                                         : malformed("its line is too long");
    if (text[end] == '\r' && end + 1 == text.size() && text.size() < v1_line_max)
        return {State::incomplete};
    if (text.substr(end, 2) != "\r\n") return malformed("its line does not end in CR and LF");
    return read_v1_line(text.substr(v1_signature.size(), end - v1_signature.size()), end + 2);
}

/// CRC-32C (RFC 3720 §B.4), continued from `sum`.
std::uint32_t crc32c(ByteView bytes, std::uint32_t sum) {
    for (const std::uint8_t byte : bytes) {
        sum ^= byte;
        for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1U) ^ ((sum & 1U) != 0 ? 0x82f63b78U : 0U);
    }
    return sum;
}

/// The sum covers the whole header, with zeros where it stands itself.
bool is_right(ByteView checksum, ByteView header) {
    ByteReader stated(checksum);
    const auto wanted = stated.u32();
    if (!wanted || !stated.empty()) return false;
    constexpr std::array<std::uint8_t, 4> zeros{};
    const auto before = static_cast<std::size_t>(checksum.data() - header.data());
    std::uint32_t sum = crc32c(header.first(before), ~0U);
    sum = crc32c(zeros, sum);
    sum = crc32c(header.subspan(before + checksum.size()), sum);
    return ~sum == *wanted;
}

/// Empty, or why the extensions are malformed. `tlvs` is a part of `header`.
std::string_view fault_of_tlvs(ByteView tlvs, ByteView header) {
    ByteReader reader(tlvs);
    while (!reader.empty()) {
        const auto type = reader.u8();
        const auto value = reader.block16();
        if (!type || !value) return "an extension is cut short";
        if (*type == tlv_checksum && !is_right(*value, header)) return "its checksum is wrong";
    }
    return {};
}

SocketAddress v2_address(ByteView ip, std::uint16_t port) {
    std::array<std::uint8_t, 16> bytes{};
    const bool v4 = ip.size() == 4;
    if (v4) bytes[10] = bytes[11] = 0xff;
    std::copy(ip.begin(), ip.end(), bytes.begin() + (v4 ? 12 : 0));
    return SocketAddress::of_ip(bytes, port);
}

std::optional<ProxiedAddresses> take_v2_addresses(ByteReader& block, std::size_t ip_size) {
    const auto source = block.take(ip_size);
    const auto destination = block.take(ip_size);
    const auto source_port = block.u16();
    const auto destination_port = block.u16();
    if (!source || !destination || !source_port || !destination_port) return std::nullopt;
    return ProxiedAddresses{v2_address(*source, *source_port),
                            v2_address(*destination, *destination_port)};
}

/// `block`: what is behind the fixed part of `header`.
ProxyHeader read_v2_block(Family family, ByteView block, ByteView header) {
    constexpr std::size_t unix_addresses = 2 * 108;
    constexpr std::string_view too_short = "it has no room for its addresses";
    ProxyHeader out{State::done, header.size()};
    ByteReader reader(block);
    switch (family) {
        case Family::unspecified:
            return out;  // nobody says where its addresses end
        case Family::unix_stream:
        case Family::unix_datagram:
            if (!reader.take(unix_addresses)) return malformed(too_short);
            break;
        case Family::tcp4:
        case Family::udp4:
            out.addresses = take_v2_addresses(reader, 4);
            if (!out.addresses) return malformed(too_short);
            break;
        case Family::tcp6:
        case Family::udp6:
            out.addresses = take_v2_addresses(reader, 16);
            if (!out.addresses) return malformed(too_short);
            break;
        default:
            return malformed("its address family is unknown");
    }
    const std::string_view fault = fault_of_tlvs(reader.rest(), header);
    return fault.empty() ? out : malformed(fault);
}

ProxyHeader read_v2(ByteView bytes) {
    ByteReader reader(bytes);
    static_cast<void>(reader.take(v2_signature.size()));
    const auto version_and_command = reader.u8();
    const auto family = reader.u8();
    const auto size = reader.u16();
    if (version_and_command && *version_and_command >> 4U != v2_version)
        return malformed("its version is not 2");
    if (version_and_command && (*version_and_command & 0x0fU) > 1)
        return malformed("its command is unknown");
    if (!size) return {State::incomplete};
    if (v2_fixed_size + *size > ProxyHeader::size_max) return malformed("it is too long");
    const auto block = reader.take(*size);
    if (!block) return {State::incomplete};
    const ByteView header = bytes.first(v2_fixed_size + *size);
    if (Command{static_cast<std::uint8_t>(*version_and_command & 0x0fU)} == Command::local)
        return {State::done, header.size()};  // the rest is to be ignored, the family too
    return read_v2_block(Family{*family}, *block, header);
}

}  // namespace

ProxyHeader read_proxy_header(ByteView bytes) {
    bytes = bytes.first(std::min(bytes.size(), ProxyHeader::size_max));
    const std::string_view text = as_text(bytes);
    for (const std::string_view signature : {v1_signature, v2_signature}) {
        if (!begins(text, signature)) continue;
        if (text.size() < signature.size()) return {State::undecided};
        return signature == v1_signature ? read_v1(text) : read_v2(bytes);
    }
    return {State::none};
}

namespace {

/// Where the IPv4 address stands in an IPv4-mapped one.
constexpr std::size_t v4_offset = 12;

bool is_v4(const SocketAddress& address) {
    return IpAddress(address.ip()).is_v4();
}

std::string v1_ip(const SocketAddress& address, bool as_v4) {
    const IpAddress ip(address.ip());
    return (ip.is_v4() && !as_v4 ? "::ffff:" : "") + ip.text();
}

void append(Bytes& out, ByteView bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}

void append_u16(Bytes& out, std::uint16_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8U));
    out.push_back(static_cast<std::uint8_t>(value & 0xffU));
}

Bytes write_v1(const std::optional<ProxiedAddresses>& addresses) {
    std::string line(v1_signature);
    if (!addresses) {
        line += "UNKNOWN";
    } else {
        const auto& [source, destination] = *addresses;
        const bool v4 = is_v4(source) && is_v4(destination);
        line += v4 ? "TCP4 " : "TCP6 ";
        line += v1_ip(source, v4) + ' ' + v1_ip(destination, v4) + ' ';
        line += std::to_string(source.port()) + ' ' + std::to_string(destination.port());
    }
    line += "\r\n";
    Bytes out;
    append(out, as_bytes(line));
    return out;
}

Bytes write_v2(const std::optional<ProxiedAddresses>& addresses) {
    Bytes block;
    Family family = Family::unspecified;
    if (addresses) {
        const bool v4 = is_v4(addresses->source) && is_v4(addresses->destination);
        family = v4 ? Family::tcp4 : Family::tcp6;
        for (const SocketAddress* const address : {&addresses->source, &addresses->destination}) {
            const auto ip = address->ip();
            append(block, ByteView(ip).subspan(v4 ? v4_offset : 0));
        }
        append_u16(block, addresses->source.port());
        append_u16(block, addresses->destination.port());
    }
    const Command command = addresses ? Command::proxy : Command::local;
    Bytes out;
    append(out, as_bytes(v2_signature));
    out.push_back(static_cast<std::uint8_t>(v2_version << 4U | static_cast<unsigned>(command)));
    out.push_back(static_cast<std::uint8_t>(family));
    append_u16(out, static_cast<std::uint16_t>(block.size()));
    append(out, block);
    return out;
}

}  // namespace

Bytes write_proxy_header(model::ProxyVersion version,
                         const std::optional<ProxiedAddresses>& addresses) {
    return version == model::ProxyVersion::v1 ? write_v1(addresses) : write_v2(addresses);
}

}  // namespace mesh::proxy
