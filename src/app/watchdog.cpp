#include "app/watchdog.hpp"

#include <algorithm>
#include <utility>

namespace mesh::app {

using std::chrono::milliseconds;

Watchdog::Watchdog(Executor& control,
                   std::chrono::microseconds limit,
                   Ask ask,
                   std::function<void()> feed)
    : control_(control),
      interval_(std::max(std::chrono::duration_cast<milliseconds>(limit / 2), milliseconds{1})),
      ask_(std::move(ask)),
      feed_(std::move(feed)) {
    round();
}

void Watchdog::round() {
    const std::weak_ptr<int> alive(alive_);
    control_.post_after(interval_, [this, alive] {
        if (!alive.expired()) round();
    });
    if (std::exchange(open_, true)) return;
    // The answer comes on a worker's thread, to which this object is nothing.
    ask_([this, alive, &control = control_] {
        control.post([this, alive] {
            if (alive.expired()) return;
            open_ = false;
            feed_();
        });
    });
}

}  // namespace mesh::app
