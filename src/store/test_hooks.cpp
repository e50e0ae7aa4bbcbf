#include "store/test_hooks.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <thread>

namespace mesh::store {
namespace {

#ifdef MESH_TEST_HOOKS
std::chrono::milliseconds milliseconds_of(const char* variable, Log& log) {
    const char* const text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): start-up
    if (text == nullptr) return std::chrono::milliseconds{0};
    const std::string_view digits(text);
    int value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    value = std::clamp(value, 0, 60'000);
    if (value != 0)
        log.warn("test_hook",
                 "the store is slowed down for a test",
                 {{"variable", variable}, {"milliseconds", value}});
    return std::chrono::milliseconds{value};
}
#endif

}  // namespace

#ifdef MESH_TEST_HOOKS
TestHooks TestHooks::from_environment(Log& log) {
    for (const char* const variable : {"MESH_TEST_CRASH_AT", "MESH_TEST_CRASH_LIST"})
        if (std::getenv(variable) != nullptr)  // NOLINT(concurrency-mt-unsafe): start-up
            log.warn("test_hook", "crash points are on for a test", {{"variable", variable}});
    return {milliseconds_of("MESH_TEST_STORE_READ_DELAY_MS", log),
            milliseconds_of("MESH_TEST_STORE_COMMIT_DELAY_MS", log)};
}
#else
TestHooks TestHooks::from_environment(Log&) {
    return {};
}
#endif

void delay(std::chrono::milliseconds time) {
    if (time.count() > 0) std::this_thread::sleep_for(time);
}

void hold_commit(const TestHooks& hooks, Log& log) {
    if (hooks.commit_delay.count() == 0) return;
    log.debug("test_hook", "a commit is held back", {});
    delay(hooks.commit_delay);
}

}  // namespace mesh::store
