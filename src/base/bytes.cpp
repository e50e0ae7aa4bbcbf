#include "base/bytes.hpp"

namespace mesh {

ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string_view as_text(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<std::uint32_t> ByteReader::integer(std::size_t width) {
    const auto bytes = take(width);
    if (!bytes) return std::nullopt;
    std::uint32_t value = 0;
    for (const std::uint8_t byte : *bytes) value = (value << 8U) | byte;
    return value;
}

std::optional<std::uint8_t> ByteReader::u8() {
    const auto value = integer(1);
    if (!value) return std::nullopt;
    return static_cast<std::uint8_t>(*value);
}

std::optional<std::uint16_t> ByteReader::u16() {
    const auto value = integer(2);
    if (!value) return std::nullopt;
    return static_cast<std::uint16_t>(*value);
}

std::optional<std::uint32_t> ByteReader::u24() {
    return integer(3);
}
std::optional<std::uint32_t> ByteReader::u32() {
    return integer(4);
}

std::optional<ByteView> ByteReader::take(std::size_t count) {
    if (count > rest_.size()) return std::nullopt;
    const ByteView taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
}

std::optional<ByteView> ByteReader::block(std::size_t width) {
    const ByteView before = rest_;
    const auto length = integer(width);
    const auto body = length ? take(*length) : std::nullopt;
    if (!body) rest_ = before;
    return body;
}

std::optional<ByteView> ByteReader::block8() {
    return block(1);
}
std::optional<ByteView> ByteReader::block16() {
    return block(2);
}
std::optional<ByteView> ByteReader::block24() {
    return block(3);
}

}  // namespace mesh
