#pragma once
#include "loop.hpp"
#include "measure.hpp"
#include "stream.hpp"

#include <algorithm>
#include <cstddef>
#include <deque>

namespace mesh::bench {

/// What the connections of a run share.
struct Run {
    Run(const Options& given, HelloAnswer answer) : options(given), clients(given, answer) {}

    const Options& options;
    Loop loop;
    Clients clients;
    Tally tally;
    std::size_t settled = 0;  ///< connections that have been opened
};

/// A place for one connection at a time. What is waited for has a deadline; what failed is counted,
/// and tried again a tick later, so that a server which refuses is not hammered.
class Slot : public Watcher {
 public:
    explicit Slot(Run& run) : run_(run), stream_(run.clients) {}
    Slot(const Slot&) = delete;
    virtual ~Slot() = default;

    /// `begun`: from when on its time counts.
    void start(Clock::time_point begun = Clock::now()) {
        waiting_to_retry_ = false;
        begun_ = begun;
        opened_ = false;
        if (stream_.open().kind != Step::Kind::done) return fail("connect: " + stream_.error());
        run_.loop.add(stream_.fd(), *this, Trigger::edge);
    }

    /// Starts again what failed, ends what takes too long.
    void tick(Clock::time_point now) {
        if (waiting_to_retry_)
            start();
        else if (stream_.fd() >= 0 && is_waiting() && now - begun_ > run_.options.deadline)
            fail(opened_ ? "no answer in time" : "no handshake in time");
    }

    void ready() final {
        if (!opened_) {
            const auto step = stream_.handshake();
            if (step.kind == Step::Kind::again) return;
            if (step.kind == Step::Kind::ended) return fail("handshake: closed by the server");
            if (step.kind == Step::Kind::failed) return fail("handshake: " + stream_.error());
            opened_ = true;
            established();
            if (!opened_) return;
        }
        progress();
    }

    [[nodiscard]] bool is_open() const { return opened_; }

 protected:
    virtual void established() = 0;  ///< once for each connection
    virtual void progress() = 0;     ///< whenever the descriptor is ready
    /// Does the deadline run?
    [[nodiscard]] virtual bool is_waiting() const { return true; }

    /// True when the step brought something; counts what went wrong.
    bool moved(const Step& step, const char* doing) {
        if (step.kind == Step::Kind::ended) fail(std::string(doing) + ": closed by the server");
        if (step.kind == Step::Kind::failed) fail(std::string(doing) + ": " + stream_.error());
        return step.kind == Step::Kind::done;
    }

    void fail(const std::string& what) {
        run_.tally.failed(what);
        stream_.close();
        opened_ = false;
        waiting_to_retry_ = true;
    }

    void finish() {
        stream_.close();
        opened_ = false;
    }

    Run& run_;
    Stream stream_;
    Clock::time_point begun_;

 private:
    bool opened_ = false;
    bool waiting_to_retry_ = false;
};

template <class Kind>
std::deque<Kind> make_slots(Run& run) {
    std::deque<Kind> slots;
    for (std::size_t i = 0; i < run.options.connections; ++i) slots.emplace_back(run);
    return slots;
}

template <class Kind, class Question>
bool all(const std::deque<Kind>& slots, Question question) {
    return std::all_of(slots.begin(), slots.end(), question);
}

template <class Kind>
void tick_all(std::deque<Kind>& slots) {
    for (auto& slot : slots) slot.tick(Clock::now());
}

/// Opens them all, some at a time, since servers limit what one source may have in its handshake.
template <class Kind>
void open_all(Run& run, std::deque<Kind>& slots) {
    constexpr std::size_t at_a_time = 64;
    std::size_t started = 0;
    const auto start_more = [&] {
        while (started < slots.size() && started < run.settled + at_a_time)
            slots[started++].start();
        return run.settled >= slots.size();
    };
    const auto end = Clock::now() + run.options.deadline +
                     std::chrono::milliseconds(5) * static_cast<std::int64_t>(slots.size());
    run.loop.run_until(
        end, [&] { tick_all(slots); }, start_more);
}

}  // namespace mesh::bench
