#include "base/base64url.hpp"

#include <array>

namespace mesh {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::int8_t, 256> reverse_alphabet() {
    std::array<std::int8_t, 256> table{};
    for (auto& entry : table) entry = -1;
    for (std::size_t i = 0; i < alphabet.size(); ++i)
        table[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::int8_t>(i);
    return table;
}

constexpr auto values = reverse_alphabet();

Error bad(std::string message) {
    return {Errc::invalid, Origin::client, std::move(message)};
}

}  // namespace

std::string base64url_encode(ByteView bytes) {
    std::string out;
    out.reserve((bytes.size() * 4 + 2) / 3);
    std::uint32_t pending = 0;
    unsigned bits = 0;
    for (const std::uint8_t byte : bytes) {
        pending = (pending << 8U) | byte;
        bits += 8;
        while (bits >= 6) {
            bits -= 6;
            out.push_back(alphabet[(pending >> bits) & 0x3FU]);
        }
    }
    if (bits > 0) out.push_back(alphabet[(pending << (6 - bits)) & 0x3FU]);
    return out;
}

std::string base64url_encode(std::string_view text) {
    return base64url_encode(as_bytes(text));
}

Result<Bytes> base64url_decode(std::string_view text) {
    if (text.size() % 4 == 1) return bad("base64url: impossible length");
    Bytes out;
    out.reserve(text.size() * 3 / 4);
    std::uint32_t pending = 0;
    unsigned bits = 0;
    for (const char c : text) {
        const std::int8_t value = values[static_cast<std::uint8_t>(c)];
        if (value < 0) return bad("base64url: a character outside the alphabet");
        pending = (pending << 6U) | static_cast<std::uint32_t>(value);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out.push_back(static_cast<std::uint8_t>(pending >> bits));
        }
    }
    if ((pending & ((1U << bits) - 1U)) != 0) return bad("base64url: non-zero bits at the end");
    return out;
}

}  // namespace mesh
