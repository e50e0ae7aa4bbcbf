#include "acme/nonce_pool.hpp"

#include <algorithm>

namespace mesh::acme {

namespace {

constexpr std::size_t nonces_max = 32;
constexpr std::size_t nonce_size_max = 512;
constexpr std::chrono::minutes age_max{5};

}  // namespace

bool NoncePool::acceptable(std::string_view nonce) {
    return !nonce.empty() && nonce.size() <= nonce_size_max &&
           std::all_of(nonce.begin(), nonce.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_';
           });
}

void NoncePool::put(std::string_view nonce, SteadyTime now) {
    if (!acceptable(nonce)) return;
    if (nonces_.size() == nonces_max) nonces_.pop_front();
    nonces_.push_back({std::string(nonce), now});
}

std::optional<std::string> NoncePool::take(SteadyTime now) {
    if (nonces_.empty()) return std::nullopt;
    Entry newest = std::move(nonces_.back());
    nonces_.pop_back();
    if (now - newest.received > age_max) {
        nonces_.clear();  // all others are older
        return std::nullopt;
    }
    return std::move(newest.nonce);
}

}  // namespace mesh::acme
