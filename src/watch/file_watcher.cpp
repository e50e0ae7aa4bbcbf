#include "watch/file_watcher.hpp"

#include "base/quiet_thread.hpp"
#include "watch/file_state.hpp"
#include "watch/notifier.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <optional>
#include <poll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

namespace mesh::watch {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

}  // namespace

struct FileWatcher::State {
    State(std::function<void()> told, Log& where, const Timing& times)
        : changed(std::move(told)), log(where), timing(times) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
        if (wake >= 0) ::close(wake);
    }

    void run();
    void take_orders();
    void adopt(Watched next);
    void listen();
    void limit(const std::string& why);
    void expect_look();
    void take_notices();
    void look_if_due();
    void look();
    [[nodiscard]] int sleep_time() const;
    void sleep();

    const std::function<void()> changed;
    Log& log;
    const Timing timing;
    int wake = -1;
    std::thread thread;

    std::mutex mutex;
    std::optional<Watched> ordered;
    bool stopping = false;

    // The thread's own.
    Watched watched;
    FileState seen;
    std::optional<FileState> unsettled;  ///< seen without a notice: perhaps it is being written
    int unsettled_looks = 0;
    Notifier notifier;
    bool listening = false;
    bool limit_told = false;
    std::optional<steady_clock::time_point> first_notice;
    steady_clock::time_point last_notice;
    steady_clock::time_point next_poll;
    bool ended = false;
};

void FileWatcher::State::run() {
    next_poll = steady_clock::now() + timing.poll;
    for (;;) {
        sleep();
        take_orders();
        if (ended) return;
        take_notices();
        look_if_due();
    }
}

void FileWatcher::State::sleep() {
    std::array<pollfd, 2> wanted{{{wake, POLLIN, 0}, {notifier.descriptor(), POLLIN, 0}}};
    ::poll(wanted.data(), wanted.size(), sleep_time());  // interrupted is as good as over
    std::uint64_t count = 0;
    static_cast<void>(::read(wake, &count, sizeof count) == 0);
}

int FileWatcher::State::sleep_time() const {
    std::optional<steady_clock::time_point> until;
    if (!listening) until = next_poll;
    if (first_notice) {
        const auto due = std::min(last_notice + timing.debounce, *first_notice + timing.patience);
        until = until ? std::min(*until, due) : due;
    }
    if (!until) return -1;
    const auto left = std::chrono::ceil<milliseconds>(*until - steady_clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void FileWatcher::State::take_orders() {
    std::optional<Watched> next;
    {
        const std::lock_guard lock(mutex);
        ended = stopping;
        next = std::exchange(ordered, std::nullopt);
    }
    if (next && !ended) adopt(std::move(*next));
}

void FileWatcher::State::adopt(Watched next) {
    if (next == watched) return;
    watched = std::move(next);
    unsettled.reset();
    // Listening comes first: what changes between the two is seen twice rather than not at all.
    listen();
    seen = state_of(watched);
    // Who chose these files has read them before they were watched.
    changed();
}

void FileWatcher::State::listen() {
    const bool works = notifier.listen(places_of(watched), real_files_of(watched));
    if (!works) limit(notifier.why());
    listening = works;
    next_poll = steady_clock::now() + timing.poll;
    if (works && notifier.outdated()) expect_look();
}

void FileWatcher::State::limit(const std::string& why) {
    if (std::exchange(limit_told, true)) return;
    const std::string seconds =
        std::to_string(std::chrono::duration_cast<std::chrono::seconds>(timing.poll).count());
    log.warn("watch_limited",
             "files are looked at every few seconds: the system does not tell of all changes",
             {{"reason", why}, {"seconds", seconds}});
}

void FileWatcher::State::take_notices() {
    if (notifier.descriptor() < 0) return;
    const Notifier::Heard heard = notifier.take();
    if (heard.lost) {
        limit("notices were lost (fs.inotify.max_queued_events)");
        listening = false;
        next_poll = steady_clock::now();
    }
    if (heard.something) expect_look();
}

void FileWatcher::State::expect_look() {
    last_notice = steady_clock::now();
    if (!first_notice) first_notice = last_notice;
}

void FileWatcher::State::look_if_due() {
    const auto now = steady_clock::now();
    const bool notified = first_notice && (now >= last_notice + timing.debounce ||
                                           now >= *first_notice + timing.patience);
    const bool polled = !listening && now >= next_poll;
    if (!notified && !polled) return;
    first_notice.reset();
    look();
}

void FileWatcher::State::look() {
    const bool notified = listening;
    // Links may lead elsewhere, folders may be other ones: what is listened to follows. Where the
    // kernel told nothing, it may by now.
    listen();
    FileState now = state_of(watched);
    const bool settled = notified || unsettled == now || ++unsettled_looks >= timing.looks_max;
    unsettled.reset();
    if (settled || now == seen) unsettled_looks = 0;
    if (now == seen) return;
    if (!settled) {
        // Only a notice says that a file is written to its end; without, two looks have to agree.
        unsettled = std::move(now);
        if (listening) expect_look();
        return;
    }
    seen = std::move(now);
    changed();
}

FileWatcher::FileWatcher(std::function<void()> changed, Log& log, const Timing& timing)
    : state_(std::make_unique<State>(std::move(changed), log, timing)) {
    state_->wake = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (state_->wake < 0) throw std::system_error(errno, std::generic_category(), "watch files");
    state_->thread = quiet_thread("mesh-watch", [state = state_.get()] { state->run(); });
}

FileWatcher::~FileWatcher() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->stopping = true;
    }
    const std::uint64_t one = 1;
    static_cast<void>(::write(state_->wake, &one, sizeof one) == sizeof one);
    state_->thread.join();
}

void FileWatcher::watch(Watched watched) {
    {
        const std::lock_guard lock(state_->mutex);
        state_->ordered = std::move(watched);
    }
    const std::uint64_t one = 1;
    static_cast<void>(::write(state_->wake, &one, sizeof one) == sizeof one);
}

}  // namespace mesh::watch
