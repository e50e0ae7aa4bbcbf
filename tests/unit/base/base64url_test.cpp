#include "base/base64url.hpp"

#include "support/catch.hpp"

#include <random>

using mesh::base64url_decode;
using mesh::base64url_encode;
using mesh::Bytes;

TEST_CASE("base64url: the vectors of RFC 4648 section 10, without padding", "[base64url]") {
    const std::pair<const char*, const char*> vectors[] = {
        {"", ""},
        {"f", "Zg"},
        {"fo", "Zm8"},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg"},
        {"fooba", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy"},
    };
    for (const auto& [plain, encoded] : vectors) {
        CAPTURE(plain);
        CHECK(base64url_encode(std::string_view(plain)) == encoded);
        const auto decoded = base64url_decode(encoded);
        REQUIRE(decoded.has_value());
        CHECK(mesh::as_text(*decoded) == plain);
    }
}

TEST_CASE("base64url: RFC 7515 appendix C, with both characters of the URL alphabet",
          "[base64url]") {
    const Bytes bytes{3, 236, 255, 224, 193};

    CHECK(base64url_encode(bytes) == "A-z_4ME");
    CHECK(*base64url_decode("A-z_4ME") == bytes);
}

TEST_CASE("base64url: every byte string survives the round trip", "[base64url]") {
    std::mt19937 random(7);
    for (std::size_t size = 0; size < 200; ++size) {
        Bytes bytes(size);
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
        const auto decoded = base64url_decode(base64url_encode(bytes));
        REQUIRE(decoded.has_value());
        CHECK(*decoded == bytes);
    }
}

TEST_CASE("base64url: anything but the one spelling is refused", "[base64url]") {
    const std::string_view refused[] = {
        "Zg==",     // padding
        "Zm8=",     //
        "=",        //
        "Zm9v\n",   // white space
        " Zm9v",    //
        "Zm 9v",    //
        "A+z/4ME",  // the other alphabet
        "Z",        // no byte has a single digit
        "Zm9vY",    //
        "Zh",       // non-zero bits behind the last byte
        "Zm9",      //
        "Zm9vYmF\xC3",
        std::string_view("Zm\0v", 4),
    };
    for (const auto text : refused) {
        CAPTURE(text);
        const auto decoded = base64url_decode(text);
        REQUIRE(decoded.has_error());
        CHECK(decoded.error().code == mesh::Errc::invalid);
    }
}
