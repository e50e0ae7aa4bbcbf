#pragma once
#include <cstddef>
#include <string_view>

namespace mesh {

/// Whether brackets outside strings nest deeper than `depth_max`: looked at before a parser is let
/// loose on bytes from a network, for whom depth costs more than length. Exact for valid JSON; for
/// anything else the parser says no.
[[nodiscard]] inline bool json_nests_deeper(std::string_view text, int depth_max) {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > depth_max) return true;
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
    return false;
}

}  // namespace mesh
