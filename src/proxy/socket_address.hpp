#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <sys/socket.h>

namespace mesh::proxy {

/// An IPv4 or IPv6 address with a port.
class SocketAddress {
 public:
    SocketAddress() { std::memset(&storage_, 0, sizeof storage_); }
    /// Nothing when `literal` is not an IP literal ("192.0.2.1", "2001:db8::1", "::1%lo" is not).
    [[nodiscard]] static std::optional<SocketAddress> parse(const std::string& literal,
                                                            std::uint16_t port);
    [[nodiscard]] static SocketAddress any_v4(std::uint16_t port);
    [[nodiscard]] static SocketAddress any_v6(std::uint16_t port);
    /// `ip` as ip() gives it.
    [[nodiscard]] static SocketAddress of_ip(const std::array<std::uint8_t, 16>& ip,
                                             std::uint16_t port);
    /// The local address of a bound socket.
    [[nodiscard]] static std::optional<SocketAddress> of_socket(int fd);

    /// In network order; IPv4 as an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2).
    [[nodiscard]] std::array<std::uint8_t, 16> ip() const;
    [[nodiscard]] int family() const { return storage_.any.sa_family; }
    [[nodiscard]] std::uint16_t port() const;
    void set_port(std::uint16_t port);
    /// "192.0.2.1:443", "[2001:db8::1]:443"; an IPv4 client of a dual-stack socket as IPv4.
    [[nodiscard]] std::string text() const;

    [[nodiscard]] const sockaddr* data() const { return &storage_.any; }
    [[nodiscard]] sockaddr* data() { return &storage_.any; }
    [[nodiscard]] socklen_t size() const;
    [[nodiscard]] static constexpr socklen_t capacity() { return sizeof(Storage); }

 private:
    friend struct SourcePrefix;
    union Storage {
        sockaddr any;
        sockaddr_in v4;
        sockaddr_in6 v6;
    };
    Storage storage_;
};

/// What counts as one source of connections: an IPv4 address, or an IPv6 network of 64 bits, which
/// is what one customer or machine usually has.
struct SourcePrefix {
    SourcePrefix() = default;
    explicit SourcePrefix(const SocketAddress& address);
    [[nodiscard]] std::string text() const;  ///< "192.0.2.1", "2001:db8:1:2::/64"
    /// The first address of it, as SocketAddress::ip() gives one.
    [[nodiscard]] std::array<std::uint8_t, 16> ip() const;
    std::uint64_t bits = 0;
    bool v6 = false;
    bool operator==(const SourcePrefix&) const = default;
};

}  // namespace mesh::proxy
