#include "base/nearest.hpp"

#include "base/ascii.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace mesh {
namespace {

/// Levenshtein distance with swaps of neighbours counted as one edit, case ignored.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> current(b.size() + 1);
    std::iota(last.begin(), last.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const bool same = ascii_lower(a[i - 1]) == ascii_lower(b[j - 1]);
            current[j] = std::min({last[j] + 1, current[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
            if (i > 1 && j > 1 && ascii_lower(a[i - 1]) == ascii_lower(b[j - 2]) &&
                ascii_lower(a[i - 2]) == ascii_lower(b[j - 1]))
                current[j] = std::min(current[j], before_last[j - 2] + 1);
        }
        std::swap(before_last, last);
        std::swap(last, current);
    }
    return last[b.size()];
}

}  // namespace

std::optional<std::string> nearest(std::string_view typed,
                                   std::span<const std::string> candidates) {
    if (typed.size() > 64) return std::nullopt;
    std::size_t best = std::max<std::size_t>(1, typed.size() / 3) + 1;
    std::optional<std::string> found;
    for (const std::string& candidate : candidates) {
        const std::size_t d = distance(typed, candidate);
        // A word with every letter changed is another word.
        if (d >= best || d >= typed.size()) continue;
        best = d;
        found = candidate;
    }
    return found;
}

}  // namespace mesh
