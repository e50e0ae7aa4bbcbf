#include "support/heap.hpp"

#include <atomic>
#include <cstdlib>
#include <malloc.h>
#include <new>

namespace mesh::test {
namespace {

thread_local std::size_t allocations = 0;

std::string_view watched;
std::atomic<bool> watching = false;
std::atomic<std::size_t> found = 0;

void* allocate(std::size_t size) noexcept {
    ++allocations;
    return std::malloc(size == 0 ? 1 : size);
}

void release(void* memory) noexcept {
    if (memory != nullptr && watching.load(std::memory_order_acquire)) {
        const std::string_view block(static_cast<const char*>(memory),
                                     ::malloc_usable_size(memory));
        if (block.find(watched) != std::string_view::npos) ++found;
    }
    std::free(memory);
}

}  // namespace

std::size_t allocation_count() {
    return allocations;
}

FreedMemoryWatch::FreedMemoryWatch(std::string_view text) {
    watched = text;
    found = 0;
    watching.store(true, std::memory_order_release);
}

FreedMemoryWatch::~FreedMemoryWatch() {
    watching = false;
}

std::size_t FreedMemoryWatch::hits() {
    return found;
}

}  // namespace mesh::test

// The whole family, so that no block is freed by the other half of a sanitizer's own pair.
void* operator new(std::size_t size) {
    if (void* const memory = mesh::test::allocate(size)) return memory;
    throw std::bad_alloc();
}
void* operator new[](std::size_t size) {
    return operator new(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return mesh::test::allocate(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return mesh::test::allocate(size);
}
void operator delete(void* memory) noexcept {
    mesh::test::release(memory);
}
void operator delete[](void* memory) noexcept {
    mesh::test::release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    mesh::test::release(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    mesh::test::release(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
    mesh::test::release(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
    mesh::test::release(memory);
}
