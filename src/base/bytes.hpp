#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace mesh {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

[[nodiscard]] ByteView as_bytes(std::string_view text);
[[nodiscard]] std::string_view as_text(ByteView bytes);

/// Reads big-endian integers and length-prefixed blocks from a view it does not own. Every read
/// is bounds-checked: after the first one that does not fit, `nullopt` comes back and the reader
/// stays where it was. No other code in the tree does index arithmetic on network bytes.
class ByteReader {
 public:
    explicit ByteReader(ByteView bytes) : rest_(bytes) {}

    [[nodiscard]] std::optional<std::uint8_t> u8();
    [[nodiscard]] std::optional<std::uint16_t> u16();
    [[nodiscard]] std::optional<std::uint32_t> u24();
    [[nodiscard]] std::optional<std::uint32_t> u32();
    [[nodiscard]] std::optional<ByteView> take(std::size_t count);
    /// A block preceded by its length in one, two or three bytes.
    [[nodiscard]] std::optional<ByteView> block8();
    [[nodiscard]] std::optional<ByteView> block16();
    [[nodiscard]] std::optional<ByteView> block24();

    [[nodiscard]] std::size_t remaining() const { return rest_.size(); }
    [[nodiscard]] bool empty() const { return rest_.empty(); }
    [[nodiscard]] ByteView rest() const { return rest_; }

 private:
    [[nodiscard]] std::optional<std::uint32_t> integer(std::size_t width);
    [[nodiscard]] std::optional<ByteView> block(std::size_t width);

    ByteView rest_;
};

}  // namespace mesh
