#include "providers/normalized_name.hpp"

#include "base/ascii.hpp"

namespace mesh::providers {
namespace {

bool stays_in_name(char c) {
    const char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
           static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

std::string normalized_name(std::string_view name) {
    std::string text;
    bool gap = false;
    for (const char c : name) {
        if (!stays_in_name(c)) {
            gap = true;
            continue;
        }
        if (gap && !text.empty()) text.push_back('-');
        gap = false;
        text.push_back(c);
    }
    return text.empty() ? "-" : text;
}

}  // namespace mesh::providers
