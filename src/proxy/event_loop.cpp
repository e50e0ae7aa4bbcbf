#include "proxy/event_loop.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <system_error>

namespace mesh::proxy {

namespace {

[[noreturn]] void throw_errno(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

void Descriptor::note(std::uint32_t events) {
    assumed_ = false;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0) readable_ = true;
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) writable_ = true;
    if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) peer_closed_ = true;
    if ((events & EPOLLERR) != 0) failed_ = true;
    if ((events & EPOLLPRI) != 0) urgent_ = readable_ = true;
}

void RetireDescriptor::operator()(Descriptor* descriptor) const noexcept {
    descriptor->target_ = nullptr;
    // Another worker or process may go on with a listening socket, or hold a copy of any: closing
    // does not end the events of these.
    EventLoop& loop = descriptor->loop_;
    if (descriptor->shared_ || loop.copies_)
        ::epoll_ctl(loop.epoll_.get(), EPOLL_CTL_DEL, descriptor->fd_.get(), nullptr);
    descriptor->fd_.reset();
    loop.retired_.push_back(descriptor);
}

EventLoop::EventLoop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      now_(std::chrono::steady_clock::now()) {
    if (!epoll_ || !wake_) throw_errno("event loop");
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.ptr = nullptr;  // no descriptor: the wake-up
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0)
        throw_errno("epoll_ctl");
}

EventLoop::~EventLoop() {
    for (Descriptor* descriptor : retired_) delete descriptor;
}

void EventLoop::run(Owner& owner) {
    std::array<epoll_event, 256> events;
    run_posted();
    bool more_to_do = owner.end_of_turn();
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            if (stopped_) return;
        }
        const int count = ::epoll_wait(epoll_.get(),
                                       events.data(),
                                       static_cast<int>(events.size()),
                                       sleep_limit(owner, more_to_do));
        if (count < 0 && errno != EINTR) throw_errno("epoll_wait");
        now_ = std::chrono::steady_clock::now();
        for (int i = 0; i < count; ++i) {
            const auto& event = events[static_cast<std::size_t>(i)];
            dispatch(event.events, event.data.ptr);
        }
        more_to_do = owner.end_of_turn();
        for (Descriptor* descriptor : retired_) delete descriptor;
        retired_.clear();
    }
}

int EventLoop::sleep_limit(const Owner& owner, bool more_to_do) const {
    if (more_to_do) return 0;
    const SteadyTime wake_at = owner.wake_at();
    if (wake_at == SteadyTime::max()) return -1;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(wake_at - std::chrono::steady_clock::now());
    return static_cast<int>(
        std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max()));
}

void EventLoop::dispatch(std::uint32_t events, void* registered) {
    if (registered == nullptr) return run_posted();
    auto& descriptor = *static_cast<Descriptor*>(registered);
    descriptor.note(events);
    if (descriptor.target_ != nullptr) descriptor.target_->on_ready(descriptor);
}

void EventLoop::post(std::function<void()> task) {
    bool was_empty = false;
    {
        const std::lock_guard lock(mutex_);
        was_empty = posted_.empty();
        posted_.push_back(std::move(task));
    }
    if (was_empty) ::eventfd_write(wake_.get(), 1);
}

void EventLoop::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    ::eventfd_write(wake_.get(), 1);
}

void EventLoop::run_posted() {
    eventfd_t ignored = 0;
    ::eventfd_read(wake_.get(), &ignored);
    std::vector<std::function<void()>> tasks;
    {
        const std::lock_guard lock(mutex_);
        tasks.swap(posted_);
    }
    for (auto& task : tasks) task();
}

DescriptorPtr EventLoop::watch(FileDescriptor fd, ReadinessTarget* target, Trigger trigger) {
    DescriptorPtr descriptor(new Descriptor(*this, std::move(fd)));
    descriptor->target_ = target;
    descriptor->shared_ = trigger == Trigger::level;
    epoll_event event{};
    event.events =
        trigger == Trigger::level ? EPOLLIN : EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = descriptor.get();
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor->fd(), &event) == 0) return descriptor;
    const int error = errno;
    descriptor.reset();
    errno = error;
    return nullptr;
}

void EventLoop::pause(Descriptor& descriptor) {
    epoll_event event{};
    event.data.ptr = &descriptor;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, descriptor.fd(), &event);
}

void EventLoop::resume(Descriptor& descriptor) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &descriptor;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, descriptor.fd(), &event);
}

}  // namespace mesh::proxy
