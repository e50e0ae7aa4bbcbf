// Bytes one way: from the source behind the server, or to the sink there.
#include "modes.hpp"
#include "pattern.hpp"
#include "slots.hpp"

#include <array>
#include <vector>

namespace mesh::bench {
namespace {

constexpr std::size_t buffer_size = 256 * 1024;
constexpr std::size_t write_size = 64 * 1024;

class BulkSlot final : public Slot {
 public:
    using Slot::Slot;

    [[nodiscard]] bool is_complete() const { return complete_; }

 private:
    [[nodiscard]] bool inbound() const { return run_.options.direction == Direction::in; }
    [[nodiscard]] std::uint64_t limit() const { return run_.options.bytes; }
    [[nodiscard]] bool is_waiting() const override { return !complete_; }

    void established() override {
        place_ = 0;
        reads_ = false;
        introduction_left_ = introduction();
        run_.loop.change(stream_.fd(), *this, Trigger::write);
    }

    /// What the backend wants to hear first: the sink how much to acknowledge, the source a byte
    /// (a ClientHello will do).
    [[nodiscard]] std::size_t introduction() const {
        if (inbound()) return 8;
        return run_.options.transport == Transport::hello ? 0 : 1;
    }

    void introduce() {
        std::array<std::uint8_t, 8> number{};
        for (unsigned i = 0; i < 8; ++i)
            number[i] = static_cast<std::uint8_t>(limit() >> (56 - 8 * i));
        const auto left = std::span(number).last(introduction_left_);
        const auto step = stream_.write(inbound() ? left : left.first(1));
        if (moved(step, "write")) introduction_left_ -= step.bytes;
    }

    void progress() override {
        if (introduction_left_ > 0) {
            introduce();
            if (introduction_left_ > 0 || !is_open()) return;
        }
        if (!inbound()) return take();
        if (limit() == 0 || place_ < limit()) return give();
        take_acknowledgement();
    }

    void take() {
        if (!reads_) run_.loop.change(stream_.fd(), *this, Trigger::read);
        reads_ = true;
        static std::vector<std::uint8_t> buffer(buffer_size);
        // One bufferful a turn, so that all connections get theirs; a session may hold some back.
        std::size_t taken = 0;
        do {
            const auto step = stream_.read(buffer);
            if (!moved(step, "read")) return;
            if (run_.options.verify &&
                !Pattern::shared().is_at(place_, std::span(buffer).first(step.bytes)))
                return fail("other bytes came than were sent");
            count(step.bytes);
            taken += step.bytes;
            if (limit() > 0 && place_ >= limit()) return complete();
        } while (taken < buffer_size || stream_.has_pending());
    }

    void give() {
        const auto left = limit() == 0 ? write_size : limit() - place_;
        const auto step = stream_.write(
            Pattern::shared().from(place_, std::min<std::uint64_t>(left, write_size)));
        if (!moved(step, "write")) return;
        count(step.bytes);
        if (limit() > 0 && place_ >= limit()) run_.loop.change(stream_.fd(), *this, Trigger::read);
    }

    void take_acknowledgement() {
        std::array<std::uint8_t, 16> answer;
        const auto step = stream_.read(answer);
        if (!moved(step, "read")) return;
        if (step.bytes != 1 || answer[0] != 'y')
            return fail("the sink took other bytes than were sent");
        complete();
    }

    void count(std::size_t bytes) {
        place_ += bytes;
        run_.tally.bytes += bytes;
        begun_ = Clock::now();
    }

    void complete() {
        complete_ = true;
        ++run_.tally.operations;
        finish();
    }

    std::uint64_t place_ = 0;
    std::size_t introduction_left_ = 0;
    bool reads_ = false;
    bool complete_ = false;
};

}  // namespace

void run_bulk(const Options& options) {
    Run run(options, HelloAnswer::none);
    auto slots = make_slots<BulkSlot>(run);
    for (auto& slot : slots) slot.start();
    run_window(
        run.loop,
        options,
        run.tally,
        {.tick = [&] { tick_all(slots); },
         .is_warm = [&] { return all(slots, [](auto& slot) { return slot.is_open(); }); },
         .is_over = [&] { return all(slots, [](auto& slot) { return slot.is_complete(); }); }});
}

}  // namespace mesh::bench
