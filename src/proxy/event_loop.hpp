#pragma once
#include "base/clock.hpp"
#include "proxy/file_descriptor.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace mesh::proxy {

class Descriptor;
class EventLoop;

/// Whoever wants to know that a descriptor may be read or written again.
class ReadinessTarget {
 public:
    /// May destroy the target and its descriptors.
    virtual void on_ready(Descriptor& descriptor) = 0;

 protected:
    ~ReadinessTarget() = default;
};

/// A non-blocking socket with its one registration in a worker's epoll set, made once and never
/// changed. Readiness is edge-triggered: who reads or writes until the kernel says EAGAIN clears
/// the mark, the next event sets it again.
class Descriptor {
 public:
    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] bool readable() const { return readable_; }
    [[nodiscard]] bool writable() const { return writable_; }
    /// The peer has sent its FIN; bytes before it may still be unread.
    [[nodiscard]] bool peer_closed() const { return peer_closed_; }
    /// The connection is broken: a reset, or the network gave up.
    [[nodiscard]] bool failed() const { return failed_; }
    /// The peer has sent urgent data, at which reads stop short of what is behind.
    [[nodiscard]] bool urgent() const { return urgent_; }
    void clear_readable() { readable_ = false; }
    void clear_writable() { writable_ = false; }

    /// Of a connection that was just accepted: it takes bytes, and a read finds out whether some
    /// have come, both a turn before the first event tells.
    void assume_ready() { readable_ = writable_ = assumed_ = true; }
    /// As long as no event has come: whether the peer is still there is not known either.
    [[nodiscard]] bool assumed() const { return assumed_; }
    /// It turned out to be broken, before an event has told.
    void note_failure() { readable_ = failed_ = true; }

    /// Who is told from now on; null: nobody, the marks are kept.
    void set_target(ReadinessTarget* target) { target_ = target; }

 private:
    friend class EventLoop;
    friend struct RetireDescriptor;
    Descriptor(EventLoop& loop, FileDescriptor fd) : loop_(loop), fd_(std::move(fd)) {}
    void note(std::uint32_t events);

    EventLoop& loop_;
    ReadinessTarget* target_ = nullptr;
    FileDescriptor fd_;
    bool readable_ = false;
    bool writable_ = false;
    bool peer_closed_ = false;
    bool failed_ = false;
    bool urgent_ = false;
    bool assumed_ = false;
    bool shared_ = false;  ///< the socket may be open elsewhere, too
};

/// Closes at once, frees at the end of the turn: events already fetched may still name it.
struct RetireDescriptor {
    void operator()(Descriptor* descriptor) const noexcept;
};
using DescriptorPtr = std::unique_ptr<Descriptor, RetireDescriptor>;

/// One thread's epoll set. A turn fetches events, tells their targets, and then lets the owner do
/// what they made ready.
///
/// It is the outer loop, and the io_context that runs a worker's coroutines is polled inside it,
/// because Asio pays an epoll_ctl for every wait for readiness and this pays none.
class EventLoop {
 public:
    class Owner {
     public:
        /// After the events of each turn. True: there is more to do, do not sleep.
        virtual bool end_of_turn() = 0;
        /// The next turn begins then at the latest; SteadyTime::max() when nothing is timed.
        [[nodiscard]] virtual SteadyTime wake_at() const = 0;

     protected:
        ~Owner() = default;
    };

    /// Throws std::system_error when the kernel gives no descriptors.
    EventLoop();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    /// Runs turns on the calling thread until stop().
    void run(Owner& owner);

    /// Thread-safe. Runs the task on the loop's thread; tasks posted before run() come first.
    void post(std::function<void()> task);
    /// Thread-safe, idempotent. The turn in progress is finished.
    void stop();

    // What follows belongs to the loop's own thread.

    enum class Trigger { edge, level };
    /// Registers for every kind of readiness (level: for reading only). Null with errno set when
    /// the kernel refuses.
    [[nodiscard]] DescriptorPtr watch(FileDescriptor fd,
                                      ReadinessTarget* target,
                                      Trigger trigger = Trigger::edge);
    /// Stops and resumes the events of a level-triggered descriptor.
    void pause(Descriptor& descriptor);
    void resume(Descriptor& descriptor);

    /// While another process may have copies of our descriptors: one that is being started has,
    /// until it runs its own program.
    void expect_copies(bool expected) { copies_ = expected; }

    /// The time this turn began.
    [[nodiscard]] SteadyTime now() const { return now_; }

 private:
    friend struct RetireDescriptor;
    [[nodiscard]] int sleep_limit(const Owner& owner, bool more_to_do) const;
    void dispatch(std::uint32_t events, void* registered);
    void run_posted();

    FileDescriptor epoll_;
    FileDescriptor wake_;
    SteadyTime now_;
    bool copies_ = false;
    std::vector<Descriptor*> retired_;

    std::mutex mutex_;
    std::vector<std::function<void()>> posted_;
    bool stopped_ = false;
};

}  // namespace mesh::proxy
