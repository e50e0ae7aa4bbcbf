#include "store/checksum.hpp"

namespace mesh::store {
namespace {

constexpr std::uint64_t start = 0xcbf29ce484222325U;
constexpr std::uint64_t prime = 0x100000001b3U;

std::uint64_t fold(std::uint64_t sum, std::uint64_t byte) {
    return (sum ^ byte) * prime;
}

}  // namespace

std::int64_t checksum_of(std::initializer_list<std::string_view> parts) {
    std::uint64_t sum = start;
    for (const std::string_view part : parts) {
        for (unsigned shift = 0; shift < 64; shift += 8)
            sum = fold(sum, part.size() >> shift & 255U);
        for (const char c : part) sum = fold(sum, static_cast<unsigned char>(c));
    }
    return static_cast<std::int64_t>(sum);
}

}  // namespace mesh::store
