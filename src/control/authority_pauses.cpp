// Why a CA is not asked for a while, and for how long.
#include "base/time_text.hpp"
#include "control/authority.hpp"
#include "control/back_off.hpp"
#include "control/order_words.hpp"

#include <algorithm>
#include <utility>

namespace mesh::control {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

/// Down again this soon after coming up: the doubling goes on where it was.
constexpr auto relapse = minutes{2};
constexpr milliseconds limit_without_time = minutes{10};

}  // namespace

bool Authority::clock_is_wrong() {
    const auto ahead = client_->clock_offset();
    const ClockVerdict verdict = judge_clock(around_.clock.now(), around_.build_time, ahead);
    const ClockVerdict before = std::exchange(clock_verdict_, verdict);
    const std::int64_t seconds = ahead ? ahead->count() / 1000 : 0;
    if (verdict == ClockVerdict::wrong) {
        if (before != verdict)
            around_.log.error("clock_wrong",
                              "this machine's date is over a day off the CA's: no orders",
                              {{"directory", url_},
                               {"ca_ahead_seconds", seconds},
                               {"now", rfc3339(around_.clock.now())}});
        ++probes_;
        const milliseconds wait = probe_wait(probes_, around_.jitter);
        pause(Pause::clock, around_.clock.now() + wait, {}, false);
        around_.heap.set_after(around_.key, wait);
        return true;
    }
    if (before == verdict) return false;
    if (verdict == ClockVerdict::suspicious)
        around_.log.warn("clock_suspicious",
                         "this machine's date is over five minutes off the CA's",
                         {{"directory", url_}, {"ca_ahead_seconds", seconds}});
    else
        around_.log.info(
            "clock_right", "this machine's date agrees with the CA's", {{"directory", url_}});
    return false;
}

void Authority::go_away(const acme::Failure& failure) {
    const SteadyTime steady = around_.clock.steady_now();
    if (up_since_ && steady - *up_since_ > relapse) probes_ = 0;
    up_since_.reset();
    ++probes_;
    const milliseconds wait = bounded(probe_wait(probes_, around_.jitter));
    const WallTime ours = around_.clock.now() + wait;
    const bool asked_for_patience = failure.retry_at && *failure.retry_at > ours;
    const WallTime until = asked_for_patience ? *failure.retry_at : ours;
    pause(Pause::away, until, words_of(failure), asked_for_patience, asked_for_patience);
    if (!asked_for_patience) own_pause_of(wait);
    if (std::exchange(down_announced_, true)) return;
    around_.log.warn("ca_down",
                     "the CA cannot be reached or does not make sense; certificates are served, "
                     "orders wait",
                     {{"directory", url_},
                      {"resolver", resolver_.name},
                      {"error", words_of(failure)},
                      {"next_at", rfc3339(until)}});
}

void Authority::limit(const acme::Failure& failure) {
    const WallTime now = around_.clock.now();
    ++limits_;
    WallTime until = failure.retry_at.value_or(now + bounded(limit_without_time));
    // A CA that keeps saying "in a second" is not asked every second.
    if (limits_ > 1) until = std::max(until, now + bounded(probe_wait(limits_, around_.jitter)));
    pause(Pause::limited, until, words_of(failure), true, true);
    around_.log.warn("ca_rate_limited",
                     "the CA takes no orders of ours until then",
                     {{"directory", url_},
                      {"resolver", resolver_.name},
                      {"error", words_of(failure)},
                      {"until", rfc3339(until)}});
}

void Authority::stop(const std::string& reason, const acme::Failure& failure, bool daily) {
    ++stops_;
    const milliseconds wait = daily ? hours{24} : back_off_wait(stops_, false, around_.jitter);
    WallTime until = around_.clock.now() + bounded(wait);
    if (failure.retry_at) until = std::max(until, *failure.retry_at);
    pause(Pause::stopped, until, reason, true, failure.retry_at && until == *failure.retry_at);
    account_.note_stopped(reason);
    if (std::exchange(stop_announced_, reason) == reason) return;
    down_announced_ = true;
    around_.log.error("ca_down",
                      "the CA refuses our account; a person has to look at it",
                      {{"directory", url_},
                       {"resolver", resolver_.name},
                       {"error", reason},
                       {"next_at", rfc3339(until)}});
}

void Authority::pause(
    Pause reason, WallTime until, const std::string& why, bool stored, bool asked_for) {
    ++epoch_;
    mode_ = Mode::waiting;
    pause_ = reason;
    pause_until_ = until;
    pause_why_ = why;
    pause_asked_for_ = asked_for;
    own_pause_ends_.reset();
    around_.heap.set(around_.key, until);
    if (stored) store_pause(until, why, asked_for ? std::optional(until) : std::nullopt);
}

void Authority::own_pause_of(milliseconds wait) {
    own_pause_ends_ = around_.clock.steady_now() + wait;
    around_.heap.set_after(around_.key, wait);
}

/// Whoever joins those who wait may have less time than they had when the pause began.
void Authority::hurry_for(ItemId id) {
    if (mode_ != Mode::waiting || !own_pause_ends_) return;
    const auto bound = around_.user.longest_wait_of(id);
    if (bound && around_.clock.steady_now() + *bound < *own_pause_ends_) own_pause_of(*bound);
}

milliseconds Authority::bounded(milliseconds wait) const {
    const auto bound_by = [&](ItemId id) {
        if (const auto bound = around_.user.longest_wait_of(id)) wait = std::min(wait, *bound);
    };
    for (const auto& [id, urgency] : waiting_) bound_by(id);
    for (const auto& [id, epoch] : out_) bound_by(id);
    return wait;
}

void Authority::store_pause(std::optional<WallTime> until,
                            const std::string& why,
                            std::optional<WallTime> asked_until) {
    stored_.retry_not_before = until;
    stored_.asked_until = asked_until;
    stored_.reason = why;
    around_.gate.commit({store::PutAuthority{stored_}});
}

void Authority::on_time() {
    if (mode_ != Mode::waiting) return;
    // A limit ends by itself; everything else is asked about first.
    const bool known =
        pause_ == Pause::limited && account_.ready() && !directory_.new_order.empty();
    mode_ = known ? Mode::trial : Mode::unknown;
    pump();
}

AuthorityStanding Authority::standing() const {
    if (mode_ == Mode::up || mode_ == Mode::trial) return {"up", {}, {}, false};
    if (mode_ != Mode::waiting) return {};
    AuthorityStanding standing{"unknown", pause_until_, pause_why_, pause_asked_for_};
    switch (pause_) {
        case Pause::away:
            standing.state = "away";
            break;
        case Pause::limited:
            standing.state = "limited";
            break;
        case Pause::stopped:
            standing.state = "stopped";
            break;
        case Pause::clock:
            standing.state = "clock";
            break;
        case Pause::none:
            break;
    }
    return standing;
}

void Authority::end_own_pause() {
    if (mode_ != Mode::waiting) return;
    if (pause_asked_for_ && around_.clock.now() < pause_until_) return;
    around_.heap.cancel(around_.key);
    on_time();
}

void Authority::clock_was_set() {
    // A date that was moved is compared with the CA's before anything is ordered by it.
    if (mode_ == Mode::trial || mode_ == Mode::up) mode_ = Mode::unknown;
    if (mode_ != Mode::waiting) return;
    if (pause_ == Pause::clock) {
        on_time();  // perhaps this is what it waited for
        return;
    }
    const WallTime latest = around_.clock.now() + patience_max;
    if (stored_.retry_not_before && *stored_.retry_not_before > latest)
        around_.heap.set(around_.key, latest);
}

}  // namespace mesh::control
