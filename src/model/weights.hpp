#pragma once
#include "model/configuration.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mesh::model {

/// Of one server.
inline constexpr unsigned weight_max = 65'535;
/// Connections in one round of the servers of a service: after so many each has had its share.
inline constexpr std::size_t round_max = 65'536;

/// How many times each server comes in one round: the weights without their common divisor; no
/// time at all where none has a weight.
[[nodiscard]] std::vector<std::uint64_t> turns_in_round(const std::vector<unsigned>& weights);
[[nodiscard]] std::vector<std::uint64_t> turns_in_round(const std::vector<Server>& servers);
[[nodiscard]] std::vector<std::uint64_t> turns_in_round(
    const std::vector<WeightedService>& services);

}  // namespace mesh::model
