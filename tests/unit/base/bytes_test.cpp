#include "base/bytes.hpp"

#include "support/catch.hpp"

using mesh::ByteReader;
using mesh::Bytes;

TEST_CASE("byte reader: reads big-endian integers", "[bytes]") {
    const Bytes bytes{0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0xF7, 0x08, 0x09, 0xFA};
    ByteReader in(bytes);

    CHECK(in.u8() == 0x01);
    CHECK(in.u16() == 0x0203);
    CHECK(in.u24() == 0x040506U);
    CHECK(in.u32() == 0xF70809FAU);
    CHECK(in.empty());
}

TEST_CASE("byte reader: a read that does not fit leaves the reader where it was", "[bytes]") {
    const Bytes bytes{0x00, 0x05, 0xAA};
    ByteReader in(bytes);

    CHECK_FALSE(in.u32().has_value());
    CHECK_FALSE(in.take(4).has_value());
    CHECK_FALSE(in.block16().has_value());
    CHECK_FALSE(in.block24().has_value());
    CHECK(in.remaining() == 3);
    CHECK(in.u24() == 0x0005AAU);
    CHECK_FALSE(in.u8().has_value());
}

TEST_CASE("byte reader: takes blocks by their length", "[bytes]") {
    const Bytes bytes{2, 'a', 'b', 0, 1, 'c', 0, 0, 3, 'd', 'e', 'f', 0, 9};
    ByteReader in(bytes);

    CHECK(mesh::as_text(*in.block8()) == "ab");
    CHECK(mesh::as_text(*in.block16()) == "c");
    CHECK(mesh::as_text(*in.block24()) == "def");
    CHECK(in.block8()->empty());
    CHECK(in.rest().size() == 1);
}

TEST_CASE("byte reader: every truncation of a block is refused", "[bytes]") {
    const Bytes whole{0x00, 0x00, 0x04, 1, 2, 3, 4};
    for (std::size_t length = 0; length < whole.size(); ++length) {
        CAPTURE(length);
        ByteReader in(mesh::ByteView(whole).first(length));
        CHECK_FALSE(in.block24().has_value());
        CHECK(in.remaining() == length);
    }
}

TEST_CASE("byte reader: lengths near the limits of their type are no overflow", "[bytes]") {
    const Bytes bytes{0xFF, 0xFF, 0xFF, 0xFF};

    CHECK_FALSE(ByteReader(bytes).block8().has_value());
    CHECK_FALSE(ByteReader(bytes).block24().has_value());
    CHECK_FALSE(ByteReader(bytes).take(~std::size_t{0}).has_value());
    CHECK(ByteReader(bytes).take(0)->empty());
    CHECK(ByteReader({}).take(0)->empty());
}

TEST_CASE("bytes: text and bytes are views of each other", "[bytes]") {
    const std::string_view text("a\0b", 3);

    CHECK(mesh::as_bytes(text).size() == 3);
    CHECK(mesh::as_text(mesh::as_bytes(text)) == text);
    CHECK(mesh::as_text({}).empty());
}
