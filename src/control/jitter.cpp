#include "control/jitter.hpp"

namespace mesh::control {
namespace {

std::uint64_t mix(std::uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31);
}

double to_unit_range(std::uint64_t bits) {
    constexpr double steps = 9007199254740992.0;  // 2^53: what a double holds exactly
    return static_cast<double>(bits >> 11) / steps * 2.0 - 1.0;
}

}  // namespace

double stable_jitter(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a: std::hash may differ between releases
    for (const char c : text) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 0x100000001b3ULL;
    }
    return to_unit_range(mix(hash));
}

double Jitter::next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    return to_unit_range(mix(state_));
}

}  // namespace mesh::control
