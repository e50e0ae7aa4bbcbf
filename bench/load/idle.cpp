// Connections that were used once and are held. The runner looks at the server's memory meanwhile.
#include "modes.hpp"
#include "slots.hpp"

#include <array>
#include <cstdio>
#include <sys/socket.h>

namespace mesh::bench {
namespace {

class IdleSlot final : public Slot {
 public:
    using Slot::Slot;

    [[nodiscard]] bool is_held() const { return held_; }
    /// Has the server ended it meanwhile?
    [[nodiscard]] bool is_broken() const {
        char byte = 0;
        const auto count = ::recv(stream_.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return count == 0 || (count < 0 && errno != EAGAIN);
    }

 private:
    [[nodiscard]] bool is_waiting() const override { return !held_; }

    void established() override {
        sent_ = false;
        if (run_.options.transport == Transport::hello) hold();
    }

    void progress() override {
        if (held_) return;
        const std::array<std::uint8_t, 1> byte{'i'};
        if (!sent_ && !moved(stream_.write(byte), "write")) return;
        sent_ = true;
        std::array<std::uint8_t, 16> answer;
        const auto step = stream_.read(answer);
        if (!moved(step, "read")) return;
        if (step.bytes != 1 || answer[0] != byte[0]) return fail("another byte came back");
        hold();
    }

    void hold() {
        held_ = true;
        ++run_.settled;
        // A session of OpenSSL costs 40 kB on this side too, and has nothing more to do.
        stream_.forget_session();
    }

    bool sent_ = false;
    bool held_ = false;
};

}  // namespace

void run_idle(const Options& options) {
    Run run(options, HelloAnswer::echoed);
    auto slots = make_slots<IdleSlot>(run);
    open_all(run, slots);
    Json()
        .text("mode", "idle")
        .number("open", std::uint64_t{run.settled})
        .counts("errors", run.tally.errors)
        .print();

    while (std::getchar() != EOF) {
    }
    for (const auto& slot : slots)
        if (slot.is_held() && slot.is_broken()) run.tally.failed("ended by the server");
    Json().text("mode", "idle").counts("errors", run.tally.errors).print();
}

}  // namespace mesh::bench
