#pragma once
#include "base/result.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mesh {

/// An IPv4 or IPv6 address in one form: an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2), which is
/// how an IPv4 client looks on a socket of both families, is the IPv4 address it holds.
class IpAddress {
 public:
    using Bytes = std::array<std::uint8_t, 16>;  ///< network order, IPv4 as IPv4-mapped

    explicit IpAddress(const Bytes& bytes);
    /// Nothing when `text` is no IP literal; zones ("fe80::1%eth0") and brackets are none.
    [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);

    [[nodiscard]] bool is_v4() const;
    [[nodiscard]] std::string text() const;  ///< "192.0.2.1", "2001:db8::1"
    auto operator<=>(const IpAddress&) const = default;

 private:
    friend class IpNetwork;
    std::uint64_t high_;
    std::uint64_t low_;
};

/// Addresses that begin with the same bits: "192.0.2.0/24", "2001:db8::/32", or one address.
class IpNetwork {
 public:
    /// Bits behind the prefix may be set and mean nothing. Errors: no address, or a prefix longer
    /// than the address. The message does not hold the text.
    [[nodiscard]] static Result<IpNetwork> parse(std::string_view text);

    /// False across families: `::/0` holds every IPv6 address and no IPv4 one.
    [[nodiscard]] bool contains(const IpAddress& address) const {
        return ((address.high_ ^ first_.high_) & high_mask_) == 0 &&
               ((address.low_ ^ first_.low_) & low_mask_) == 0 && address.is_v4() == v4_;
    }
    [[nodiscard]] bool contains(const IpNetwork& other) const;
    /// The lowest address.
    [[nodiscard]] const IpAddress& first() const { return first_; }
    [[nodiscard]] std::string text() const;  ///< "192.0.2.0/24"; a single address alone
    bool operator==(const IpNetwork&) const = default;

 private:
    IpNetwork(IpAddress address, unsigned prefix, bool v4);

    IpAddress first_;
    std::uint64_t high_mask_ = 0;
    std::uint64_t low_mask_ = 0;
    unsigned prefix_;  ///< bits of 128, also for IPv4
    bool v4_;
};

}  // namespace mesh
