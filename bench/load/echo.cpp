// A request and its answer, again and again, over connections that stay.
#include "modes.hpp"
#include "pattern.hpp"
#include "slots.hpp"

#include <vector>

namespace mesh::bench {
namespace {

class EchoSlot final : public Slot {
 public:
    explicit EchoSlot(Run& run) : Slot(run), answer_(run.options.size) {}

    /// The first request, once all connections are open.
    void begin() {
        asking_ = true;
        if (is_open()) ask();
    }

 private:
    [[nodiscard]] bool is_waiting() const override { return asking_ || !is_open(); }

    void established() override {
        ++run_.settled;
        if (asking_) ask();
    }

    void ask() {
        begun_ = Clock::now();
        sent_ = received_ = 0;
        send_rest();
    }

    void send_rest() {
        const auto request = Pattern::shared().from(place_, answer_.size());
        while (sent_ < request.size()) {
            const auto step = stream_.write(request.subspan(sent_));
            if (!moved(step, "write")) return;
            sent_ += step.bytes;
        }
    }

    void progress() override {
        if (!asking_) return;
        send_rest();
        while (is_open() && sent_ == answer_.size()) {
            const auto step = stream_.read(std::span(answer_).subspan(received_));
            if (!moved(step, "read")) return;
            received_ += step.bytes;
            if (received_ < answer_.size()) continue;
            if (!Pattern::shared().is_at(place_, answer_)) return fail("other bytes came back");
            place_ += answer_.size();
            ++run_.tally.operations;
            run_.tally.bytes += answer_.size();
            run_.tally.latencies.add(Clock::now() - begun_);
            ask();
        }
    }

    std::vector<std::uint8_t> answer_;
    std::uint64_t place_ = 0;
    std::size_t sent_ = 0;
    std::size_t received_ = 0;
    bool asking_ = false;
};

}  // namespace

void run_echo(const Options& options) {
    Run run(options, HelloAnswer::echoed);
    auto slots = make_slots<EchoSlot>(run);
    open_all(run, slots);
    for (auto& slot : slots) slot.begin();
    run_window(run.loop,
               options,
               run.tally,
               {.tick = [&] { tick_all(slots); },
                .is_warm = [&] { return all(slots, [](auto& slot) { return slot.is_open(); }); },
                .is_over = {}});
}

}  // namespace mesh::bench
