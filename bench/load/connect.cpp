// Connections one after the other in each place: full or resumed handshakes, or connections that
// are passed through.
#include "modes.hpp"
#include "slots.hpp"

#include <array>

namespace mesh::bench {
namespace {

class ConnectSlot final : public Slot {
 public:
    using Slot::Slot;

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
        start();
    }

    std::uint8_t byte_ = 0;
    bool sent_ = false;
    bool had_ticket_ = false;
};

}  // namespace

void run_connect(const Options& options) {
    Run run(options, HelloAnswer::echoed);
    auto slots = make_slots<ConnectSlot>(run);
    for (auto& slot : slots) slot.start();
    Course course{.tick = [&] { tick_all(slots); },
                  .is_warm = [&] { return all(slots, [](auto& slot) { return slot.is_warm(); }); },
                  .is_over = {}};
    if (options.operations > 0)
        course.is_over = [&] { return run.tally.operations >= options.operations; };
    run_window(run.loop, options, run.tally, course);
}

}  // namespace mesh::bench
