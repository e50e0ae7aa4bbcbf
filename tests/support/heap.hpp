#pragma once
#include <cstddef>
#include <string_view>

namespace mesh::test {

/// How often this thread called operator new since it began. Link "support/heap.cpp".
[[nodiscard]] std::size_t allocation_count();

/// Searches every block that operator delete frees for a text, while it lives. One at a time.
class FreedMemoryWatch {
 public:
    explicit FreedMemoryWatch(std::string_view text);
    ~FreedMemoryWatch();
    FreedMemoryWatch(const FreedMemoryWatch&) = delete;
    FreedMemoryWatch& operator=(const FreedMemoryWatch&) = delete;

    /// Blocks that still held the text when they were freed.
    [[nodiscard]] static std::size_t hits();
};

}  // namespace mesh::test
