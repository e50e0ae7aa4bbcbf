#pragma once
#include "base/bytes.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::test {

inline void put_number(Bytes& out, std::size_t value, std::size_t width) {
    for (std::size_t i = width; i-- > 0;) {
        out.push_back(static_cast<std::uint8_t>((value >> (8 * i)) & 0xff));
    }
}

inline void put_block(Bytes& out, ByteView block, std::size_t width) {
    put_number(out, block.size(), width);
    out.insert(out.end(), block.begin(), block.end());
}

/// Makes a ClientHello byte by byte, so that a test can break one thing at a time.
class HelloBuilder {
 public:
    HelloBuilder& with_sni(std::string_view name) { return with_sni_entries({{0, name}}); }
    HelloBuilder& with_sni_entries(std::vector<std::pair<int, std::string_view>> entries) {
        Bytes list;
        for (const auto& [type, name] : entries) {
            put_number(list, static_cast<std::size_t>(type), 1);
            put_block(list, as_bytes(name), 2);
        }
        Bytes data;
        put_block(data, list, 2);
        return with_extension(0, std::move(data));
    }
    HelloBuilder& with_alpn(const std::vector<std::string>& protocols) {
        Bytes list;
        for (const std::string& protocol : protocols) put_block(list, as_bytes(protocol), 1);
        Bytes data;
        put_block(data, list, 2);
        return with_extension(16, std::move(data));
    }
    HelloBuilder& with_extension(std::size_t type, Bytes data) {
        extensions_.emplace_back(type, std::move(data));
        return *this;
    }
    HelloBuilder& without_extensions() {
        no_extensions_ = true;
        return *this;
    }

    /// The handshake message, header included.
    [[nodiscard]] Bytes message() const {
        Bytes body;
        put_number(body, 0x0303, 2);
        body.insert(body.end(), 32, 0x5a);
        put_block(body, Bytes(32, 0x11), 1);
        put_block(body, Bytes{0x13, 0x01, 0xc0, 0x2b}, 2);
        put_block(body, Bytes{0}, 1);
        Bytes extensions;
        for (const auto& [type, data] : extensions_) {
            put_number(extensions, type, 2);
            put_block(extensions, data, 2);
        }
        if (!no_extensions_) put_block(body, extensions, 2);
        Bytes out{1};
        put_block(out, body, 3);
        return out;
    }
    /// The message in records of at most `payload_max` bytes.
    [[nodiscard]] Bytes build(std::size_t payload_max = 1 << 14) const {
        return in_records(message(), payload_max);
    }

    static Bytes in_records(ByteView message, std::size_t payload_max) {
        Bytes out;
        while (!message.empty()) {
            const ByteView part = message.first(std::min(payload_max, message.size()));
            put_number(out, 0x160301, 3);
            put_block(out, part, 2);
            message = message.subspan(part.size());
        }
        return out;
    }

 private:
    std::vector<std::pair<std::size_t, Bytes>> extensions_;
    bool no_extensions_ = false;
};

inline HelloBuilder a_client_hello() {
    return {};
}

}  // namespace mesh::test
