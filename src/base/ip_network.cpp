#include "base/ip_network.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>

namespace mesh {
namespace {

constexpr std::uint64_t mapped = 0xffff;  // the bits in front of an IPv4 address
constexpr unsigned all_bits = 128;
constexpr unsigned v4_offset = 96;

std::uint64_t half(const IpAddress::Bytes& bytes, std::size_t begin) {
    std::uint64_t value = 0;
    for (std::size_t i = begin; i < begin + 8; ++i) value = value << 8U | bytes[i];
    return value;
}

std::uint64_t leading_ones(unsigned count) {
    return count == 0 ? 0 : ~std::uint64_t{0} << (64 - count);
}

Error bad_network(std::string_view why) {
    return {Errc::invalid, Origin::config, std::string(why)};
}

}  // namespace

IpAddress::IpAddress(const Bytes& bytes) : high_(half(bytes, 0)), low_(half(bytes, 8)) {}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    // inet_pton sees a C string: a NUL must not hide what follows it.
    if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos)
        return std::nullopt;
    const std::string terminated(text);
    Bytes bytes{};
    if (::inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) return IpAddress(bytes);
    bytes = {};
    bytes[10] = bytes[11] = 0xff;
    if (::inet_pton(AF_INET, terminated.c_str(), &bytes[12]) == 1) return IpAddress(bytes);
    return std::nullopt;
}

bool IpAddress::is_v4() const {
    return high_ == 0 && low_ >> 32U == mapped;
}

std::string IpAddress::text() const {
    Bytes bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const std::uint64_t value = i < 8 ? high_ : low_;
        bytes[i] = static_cast<std::uint8_t>(value >> (56 - 8 * (i % 8)));
    }
    std::array<char, INET6_ADDRSTRLEN> out{};
    const auto* const begin = is_v4() ? &bytes[12] : bytes.data();
    ::inet_ntop(is_v4() ? AF_INET : AF_INET6, begin, out.data(), out.size());
    return out.data();
}

IpNetwork::IpNetwork(IpAddress address, unsigned prefix, bool v4)
    : first_(address),
      high_mask_(leading_ones(std::min(prefix, 64U))),
      low_mask_(leading_ones(prefix > 64 ? prefix - 64 : 0)),
      prefix_(prefix),
      v4_(v4) {
    first_.high_ &= high_mask_;
    first_.low_ &= low_mask_;
}

Result<IpNetwork> IpNetwork::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::string_view literal = text.substr(0, slash);
    const auto address = IpAddress::parse(literal);
    if (!address) return bad_network("it is not an IP address");
    if (slash == std::string_view::npos) return IpNetwork(*address, all_bits, address->is_v4());

    const bool dotted = literal.find(':') == std::string_view::npos;
    const unsigned bits_max = dotted ? all_bits - v4_offset : all_bits;
    const std::string_view digits = text.substr(slash + 1);
    unsigned prefix = 0;
    const char* const end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, prefix);
    if (digits.empty() || digits.size() > 3 || parsed.ec != std::errc{} || parsed.ptr != end ||
        prefix > bits_max)
        return bad_network(dotted ? "its prefix length is not a number from 0 to 32"
                                  : "its prefix length is not a number from 0 to 128");
    if (dotted) prefix += v4_offset;
    return IpNetwork(*address, prefix, address->is_v4() && prefix >= v4_offset);
}

bool IpNetwork::contains(const IpNetwork& other) const {
    return v4_ == other.v4_ && prefix_ <= other.prefix_ &&
           ((other.first_.high_ ^ first_.high_) & high_mask_) == 0 &&
           ((other.first_.low_ ^ first_.low_) & low_mask_) == 0;
}

std::string IpNetwork::text() const {
    if (prefix_ == all_bits) return first_.text();
    return first_.text() + '/' + std::to_string(v4_ ? prefix_ - v4_offset : prefix_);
}

}  // namespace mesh
