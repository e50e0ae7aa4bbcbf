#pragma once
#include "base/log.hpp"
#include "watch/paths.hpp"

#include <chrono>
#include <functional>
#include <memory>

namespace mesh::watch {

struct Timing {
    std::chrono::milliseconds debounce{300};    ///< quiet time after the last change
    std::chrono::milliseconds patience{3'000};  ///< told at the latest, however often files change
    std::chrono::milliseconds poll{5'000};      ///< between looks where the kernel tells nothing
    int looks_max = 12;  ///< in a row that found something new each, before that is told
};

/// Tells when watched files have changed, on a thread of its own. The kernel's notices only say
/// when to look; what counts is whether the files differ. Without notices (too many watches, lost
/// ones), which is logged once as `watch_limited`, it looks every few seconds.
class FileWatcher {
 public:
    /// `changed` runs on the watcher's thread, never after the destructor. Throws std::system_error
    /// when there is no thread or descriptor.
    FileWatcher(std::function<void()> changed, Log& log, const Timing& timing = {});
    ~FileWatcher();
    FileWatcher(const FileWatcher&) = delete;
    FileWatcher& operator=(const FileWatcher&) = delete;

    /// Thread-safe: these from now on. If they are not those of before, that alone is told: they
    /// may have changed after they were read and before they were watched.
    void watch(Watched watched);

 private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace mesh::watch
