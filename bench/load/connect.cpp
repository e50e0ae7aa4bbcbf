// Connections one after the other in each place: full or resumed handshakes, or connections that
// are passed through.
#include "modes.hpp"
#include "slots.hpp"

#include <array>
#include <functional>
#include <optional>
#include <sys/timerfd.h>
#include <unistd.h>
#include <vector>

namespace mesh::bench {
namespace {

class ConnectSlot final : public Slot {
 public:
    using Slot::Slot;

    /// Who says when the next one begins; without, it begins at once.
    std::function<void(ConnectSlot&)> when_done;

    /// Has a ticket, where one is wanted.
    [[nodiscard]] bool is_warm() const { return !run_.options.resume || had_ticket_; }

 private:
    void established() override {
        sent_ = false;
        // The echoed ClientHello was there and back already.
        if (run_.options.transport == Transport::hello) complete();
    }

    void progress() override {
        if (!sent_) {
            const std::array payload{byte_};
            if (!moved(stream_.write(payload), "write")) return;
            sent_ = true;
        }
        std::array<std::uint8_t, 16> answer;
        const auto step = stream_.read(answer);
        if (!moved(step, "read")) return;
        if (step.bytes != 1 || answer[0] != byte_) return fail("another byte came back");
        complete();
    }

    void complete() {
        // The first handshake of a place fetches its ticket.
        const bool was_meant_to_resume = run_.options.resume && had_ticket_;
        if (was_meant_to_resume && !stream_.was_resumed()) run_.tally.failed("was not resumed");
        if (stream_.was_resumed()) {
            if (!run_.options.resume) run_.tally.failed("was resumed");
            ++run_.tally.resumed;
        }
        had_ticket_ = stream_.offers_ticket();
        ++run_.tally.operations;
        run_.tally.latencies.add(Clock::now() - begun_);
        ++byte_;
        finish();
        if (when_done)
            when_done(*this);
        else
            start();
    }

    std::uint8_t byte_ = 0;
    bool sent_ = false;
    bool had_ticket_ = false;
};

/// Begins connections at a steady rate, whatever becomes of those before. One that finds no place
/// begins later, but its time counts from when it was due.
class Pace final : public Watcher {
 public:
    Pace(Run& run, std::deque<ConnectSlot>& slots)
        : interval_(std::chrono::nanoseconds(std::chrono::seconds(1)) /
                    static_cast<std::int64_t>(run.options.rate)),
          next_(Clock::now()),
          timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
        itimerspec every{};
        every.it_interval.tv_sec = interval_.count() / 1'000'000'000;
        every.it_interval.tv_nsec = interval_.count() % 1'000'000'000;
        every.it_value.tv_nsec = 1;
        if (!timer_ || ::timerfd_settime(timer_.get(), 0, &every, nullptr) != 0) die("no timer");
        run.loop.add(timer_.get(), *this, Trigger::read);
        for (auto& slot : slots) {
            slot.when_done = [this](ConnectSlot& done) {
                free_.push_back(&done);
                begin_what_is_due();
            };
            free_.push_back(&slot);
        }
    }

    void ready() override {
        std::uint64_t expirations = 0;
        if (::read(timer_.get(), &expirations, sizeof expirations) < 0) return;
        begin_what_is_due();
    }

 private:
    void begin_what_is_due() {
        for (; next_ <= Clock::now() && !free_.empty(); next_ += interval_) {
            ConnectSlot& slot = *free_.back();
            free_.pop_back();
            slot.start(next_);
        }
    }

    std::chrono::nanoseconds interval_;
    Clock::time_point next_;
    OwnedFd timer_;
    std::vector<ConnectSlot*> free_;
};

}  // namespace

void run_connect(const Options& options) {
    Run run(options, HelloAnswer::echoed);
    auto slots = make_slots<ConnectSlot>(run);
    std::optional<Pace> pace;
    if (options.rate > 0)
        pace.emplace(run, slots);
    else
        for (auto& slot : slots) slot.start();
    Course course{.tick = [&] { tick_all(slots); },
                  .is_warm = [&] { return all(slots, [](auto& slot) { return slot.is_warm(); }); },
                  .is_over = {}};
    if (options.operations > 0)
        course.is_over = [&] { return run.tally.operations >= options.operations; };
    run_window(run.loop, options, run.tally, course);
}

}  // namespace mesh::bench
