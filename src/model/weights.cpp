#include "model/weights.hpp"

#include <numeric>

namespace mesh::model {
namespace {

template <class Weighted>
std::vector<std::uint64_t> turns_of(const std::vector<Weighted>& all) {
    std::vector<unsigned> weights;
    weights.reserve(all.size());
    for (const Weighted& one : all) weights.push_back(one.weight);
    return turns_in_round(weights);
}

}  // namespace

std::vector<std::uint64_t> turns_in_round(const std::vector<unsigned>& weights) {
    std::uint64_t divisor = 0;
    for (const unsigned weight : weights) divisor = std::gcd(divisor, std::uint64_t{weight});
    std::vector<std::uint64_t> turns;
    turns.reserve(weights.size());
    for (const unsigned weight : weights) turns.push_back(divisor == 0 ? 0 : weight / divisor);
    return turns;
}

std::vector<std::uint64_t> turns_in_round(const std::vector<Server>& servers) {
    return turns_of(servers);
}

std::vector<std::uint64_t> turns_in_round(const std::vector<WeightedService>& services) {
    return turns_of(services);
}

}  // namespace mesh::model
