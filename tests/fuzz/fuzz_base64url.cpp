// Every byte string has exactly one spelling: what decodes encodes back to itself, and the reverse.
#include "base/base64url.hpp"
#include "fuzz/fuzz.hpp"

#include <algorithm>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using mesh::fuzz::require;
    const std::string_view text = mesh::fuzz::text(data, size);

    if (const auto decoded = mesh::base64url_decode(text))
        require(mesh::base64url_encode(*decoded) == text);

    const auto round_trip = mesh::base64url_decode(mesh::base64url_encode({data, size}));
    require(round_trip.has_value());
    require(std::equal(round_trip->begin(), round_trip->end(), data, data + size));
    return 0;
}
