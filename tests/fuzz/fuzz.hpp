#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

/// The one function of a fuzz target; libFuzzer and replay_main.cpp call it with each input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace mesh::fuzz {

/// Stops the program where a promise is broken; both fuzzer and replay report it with a trace.
inline void require(bool promise_holds) {
    if (!promise_holds) __builtin_trap();
}

[[nodiscard]] inline std::string_view text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

}  // namespace mesh::fuzz
