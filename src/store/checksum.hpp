#pragma once
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace mesh::store {

/// Tells damage, not forgery: FNV-1a over the lengths and bytes of `parts`. It is stored beside
/// what cannot be made again, so it never changes.
[[nodiscard]] std::int64_t checksum_of(std::initializer_list<std::string_view> parts);

}  // namespace mesh::store
