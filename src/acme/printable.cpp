#include "acme/printable.hpp"

#include <algorithm>

namespace mesh::acme {

std::string printable(std::string_view text, std::size_t size_max) {
    std::string shown(text.substr(0, size_max));
    std::replace_if(
        shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, ' ');
    if (text.size() > size_max) shown += "...";
    return shown;
}

}  // namespace mesh::acme
