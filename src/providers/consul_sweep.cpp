#include "providers/consul_sweep.hpp"

#include <algorithm>
#include <utility>

namespace mesh::providers {

ConsulSweep::ConsulSweep(Executor& executor, const Clock& clock, Read read)
    : executor_(executor), clock_(clock), read_(std::move(read)) {}

void ConsulSweep::add(const std::string& service) {
    wanted_.insert(service);
    plan();
}

void ConsulSweep::add_first(const std::string& service) {
    wanted_.erase(service);
    waiting_.erase(service);
    first_.insert(service);
    go_on();
}

void ConsulSweep::done(const std::string& service, bool good) {
    if (in_flight_.erase(service) == 0) return;
    if (!good) failed_.insert(service);
    go_on();
}

void ConsulSweep::forget(const std::string& service) {
    wanted_.erase(service);
    waiting_.erase(service);
    first_.erase(service);
    failed_.erase(service);
    if (in_flight_.erase(service) > 0) go_on();
}

void ConsulSweep::clear() {
    wanted_.clear();
    waiting_.clear();
    first_.clear();
    in_flight_.clear();
    failed_.clear();
}

void ConsulSweep::plan() {
    const bool at_work = !waiting_.empty() || !first_.empty() || !in_flight_.empty();
    if (planned_ || at_work || wanted_.empty()) return;
    planned_ = true;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(next_begin_ - clock_.steady_now());
    later(std::max(left, std::chrono::milliseconds{0}), &ConsulSweep::begin);
}

void ConsulSweep::begin() {
    planned_ = false;
    waiting_.merge(std::exchange(wanted_, {}));
    next_begin_ =
        clock_.steady_now() + std::max(period, static_cast<int>(waiting_.size()) * per_service);
    go_on();
}

void ConsulSweep::go_on() {
    while (in_flight_.size() < in_flight_max && !(first_.empty() && waiting_.empty())) {
        auto& from = first_.empty() ? waiting_ : first_;
        const std::string service = std::move(from.extract(from.begin()).value());
        in_flight_.insert(service);
        read_(service);
    }
    if (!in_flight_.empty()) return;
    if (failed_.empty()) {
        back_off_.reset();
    } else if (!retry_planned_) {
        retry_planned_ = true;
        later(back_off_.next(), &ConsulSweep::try_failed_again);
    }
    plan();
}

void ConsulSweep::try_failed_again() {
    retry_planned_ = false;
    wanted_.merge(std::exchange(failed_, {}));
    plan();
}

void ConsulSweep::later(std::chrono::milliseconds pause, void (ConsulSweep::*task)()) {
    executor_.post_after(pause, [this, task, alive = std::weak_ptr<const bool>(alive_)] {
        if (!alive.expired()) (this->*task)();
    });
}

}  // namespace mesh::providers
