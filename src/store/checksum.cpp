#include "store/checksum.hpp"

#include <array>
#include <cstddef>

namespace mesh::store {
namespace {

constexpr std::uint64_t start = 0xcbf29ce484222325U;
constexpr std::uint64_t prime = 0x100000001b3U;

constexpr std::uint64_t fold(std::uint64_t sum, std::uint64_t byte) {
    return (sum ^ byte) * prime;
}

/// What so many zero bytes multiply a sum with.
constexpr auto after_zeros = [] {
    std::array<std::uint64_t, 9> factors{1};
    for (std::size_t count = 1; count < factors.size(); ++count)
        factors.at(count) = fold(factors.at(count - 1), 0);
    return factors;
}();

/// Eight bytes, the lowest first, of which most are zero.
std::uint64_t fold_size(std::uint64_t sum, std::size_t size) {
    std::size_t left = 8;
    for (; size != 0; size >>= 8U, --left) sum = fold(sum, size & 255U);
    return sum * after_zeros.at(left);
}

}  // namespace

std::int64_t checksum_of(std::initializer_list<std::string_view> parts) {
    std::uint64_t sum = start;
    for (const std::string_view part : parts) {
        sum = fold_size(sum, part.size());
        for (const char c : part) sum = fold(sum, static_cast<unsigned char>(c));
    }
    return static_cast<std::int64_t>(sum);
}

}  // namespace mesh::store
