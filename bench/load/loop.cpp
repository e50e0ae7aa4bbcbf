#include "loop.hpp"

#include "options.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <sys/epoll.h>

namespace mesh::bench {
namespace {

constexpr auto tick_every = std::chrono::milliseconds(100);

std::uint32_t events_of(Trigger trigger) {
    switch (trigger) {
        case Trigger::edge:
            return EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        case Trigger::read:
            return EPOLLIN;
        case Trigger::write:
            return EPOLLOUT;
    }
    return 0;
}

}  // namespace

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) die("no epoll");
}

void Loop::add(int fd, Watcher& watcher, Trigger trigger) {
    control(EPOLL_CTL_ADD, fd, watcher, trigger);
}

void Loop::change(int fd, Watcher& watcher, Trigger trigger) {
    control(EPOLL_CTL_MOD, fd, watcher, trigger);
}

void Loop::control(int operation, int fd, Watcher& watcher, Trigger trigger) {
    epoll_event event{};
    event.events = events_of(trigger);
    event.data.ptr = &watcher;
    if (::epoll_ctl(epoll_.get(), operation, fd, &event) != 0)
        die(std::string("epoll_ctl: ") + std::strerror(errno));
}

void Loop::run_until(Clock::time_point end,
                     const std::function<void()>& tick,
                     const std::function<bool()>& over) {
    std::array<epoll_event, 256> events;
    auto next_tick = Clock::now() + tick_every;
    for (auto now = Clock::now(); now < end && !(over && over()); now = Clock::now()) {
        if (now >= next_tick) {
            if (tick) tick();
            next_tick = now + tick_every;
        }
        // Rounded up, or the last millisecond would be spent asking again and again.
        const auto wait =
            std::chrono::ceil<std::chrono::milliseconds>(std::min(end, next_tick) - now);
        const int count = ::epoll_wait(epoll_.get(),
                                       events.data(),
                                       static_cast<int>(events.size()),
                                       static_cast<int>(std::max<std::int64_t>(wait.count(), 0)));
        if (count < 0 && errno != EINTR) die(std::string("epoll_wait: ") + std::strerror(errno));
        for (int i = 0; i < count; ++i)
            static_cast<Watcher*>(events[static_cast<std::size_t>(i)].data.ptr)->ready();
    }
}

}  // namespace mesh::bench
