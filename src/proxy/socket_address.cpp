#include "proxy/socket_address.hpp"

#include <arpa/inet.h>
#include <array>

namespace mesh::proxy {

std::optional<SocketAddress> SocketAddress::parse(const std::string& literal, std::uint16_t port) {
    SocketAddress address;
    if (::inet_pton(AF_INET, literal.c_str(), &address.storage_.v4.sin_addr) == 1) {
        address.storage_.v4.sin_family = AF_INET;
    } else if (::inet_pton(AF_INET6, literal.c_str(), &address.storage_.v6.sin6_addr) == 1) {
        address.storage_.v6.sin6_family = AF_INET6;
    } else {
        return std::nullopt;
    }
    address.set_port(port);
    return address;
}

SocketAddress SocketAddress::any_v4(std::uint16_t port) {
    SocketAddress address;
    address.storage_.v4.sin_family = AF_INET;
    address.set_port(port);
    return address;
}

SocketAddress SocketAddress::any_v6(std::uint16_t port) {
    SocketAddress address;
    address.storage_.v6.sin6_family = AF_INET6;
    address.set_port(port);
    return address;
}

SocketAddress SocketAddress::of_ip(const std::array<std::uint8_t, 16>& ip, std::uint16_t port) {
    SocketAddress address = any_v6(port);
    std::memcpy(&address.storage_.v6.sin6_addr, ip.data(), ip.size());
    if (!IN6_IS_ADDR_V4MAPPED(&address.storage_.v6.sin6_addr)) return address;
    address = any_v4(port);
    std::memcpy(&address.storage_.v4.sin_addr, &ip[12], sizeof address.storage_.v4.sin_addr);
    return address;
}

std::optional<SocketAddress> SocketAddress::of_socket(int fd) {
    SocketAddress address;
    socklen_t size = capacity();
    if (::getsockname(fd, address.data(), &size) != 0) return std::nullopt;
    return address;
}

std::uint16_t SocketAddress::port() const {
    return ntohs(family() == AF_INET6 ? storage_.v6.sin6_port : storage_.v4.sin_port);
}

void SocketAddress::set_port(std::uint16_t port) {
    (family() == AF_INET6 ? storage_.v6.sin6_port : storage_.v4.sin_port) = htons(port);
}

std::string SocketAddress::text() const {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    const std::string port_text = std::to_string(port());
    if (family() != AF_INET6) {
        ::inet_ntop(AF_INET, &storage_.v4.sin_addr, buffer.data(), buffer.size());
        return std::string(buffer.data()) + ":" + port_text;
    }
    if (IN6_IS_ADDR_V4MAPPED(&storage_.v6.sin6_addr)) {
        ::inet_ntop(AF_INET, &storage_.v6.sin6_addr.s6_addr[12], buffer.data(), buffer.size());
        return std::string(buffer.data()) + ":" + port_text;
    }
    ::inet_ntop(AF_INET6, &storage_.v6.sin6_addr, buffer.data(), buffer.size());
    return "[" + std::string(buffer.data()) + "]:" + port_text;
}

std::array<std::uint8_t, 16> SocketAddress::ip() const {
    std::array<std::uint8_t, 16> out{};
    if (family() == AF_INET6) {
        std::memcpy(out.data(), &storage_.v6.sin6_addr, out.size());
        return out;
    }
    out[10] = out[11] = 0xff;
    std::memcpy(&out[12], &storage_.v4.sin_addr, sizeof storage_.v4.sin_addr);
    return out;
}

socklen_t SocketAddress::size() const {
    return family() == AF_INET6 ? sizeof storage_.v6 : sizeof storage_.v4;
}

SourcePrefix::SourcePrefix(const SocketAddress& address) {
    const auto& storage = address.storage_;
    if (address.family() != AF_INET6) {
        bits = ntohl(storage.v4.sin_addr.s_addr);
        return;
    }
    const auto& bytes = storage.v6.sin6_addr.s6_addr;
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&storage.v6.sin6_addr);
    v6 = !mapped;
    const std::size_t first = mapped ? 12 : 0;
    const std::size_t count = mapped ? 4 : 8;
    for (std::size_t i = 0; i < count; ++i) bits = bits << 8 | bytes[first + i];
}

std::array<std::uint8_t, 16> SourcePrefix::ip() const {
    std::array<std::uint8_t, 16> out{};
    const std::size_t first = v6 ? 0 : 12;
    const std::size_t count = v6 ? 8 : 4;
    if (!v6) out[10] = out[11] = 0xff;
    for (std::size_t i = 0; i < count; ++i)
        out[first + i] = static_cast<std::uint8_t>(bits >> (8 * (count - 1 - i)));
    return out;
}

std::string SourcePrefix::text() const {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    if (!v6) {
        const in_addr address{htonl(static_cast<std::uint32_t>(bits))};
        ::inet_ntop(AF_INET, &address, buffer.data(), buffer.size());
        return buffer.data();
    }
    in6_addr network{};
    for (unsigned i = 0; i < 8; ++i)
        network.s6_addr[i] = static_cast<std::uint8_t>(bits >> (56 - 8 * i));
    ::inet_ntop(AF_INET6, &network, buffer.data(), buffer.size());
    return std::string(buffer.data()) + "/64";
}

}  // namespace mesh::proxy
