#include "app/reload.hpp"

#include "base/quiet_thread.hpp"
#include "base/result.hpp"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <utility>

namespace mesh::app {
namespace {

/// Reading ran out of something; the configuration that runs is not touched.
FreshConfiguration failed(const std::string& why) {
    FreshConfiguration fresh;
    fresh.failed = true;
    config::Finding finding;
    finding.message = why;
    fresh.loaded.result.findings.push_back(std::move(finding));
    fresh.loaded.result.errors = 1;
    fresh.loaded.result.summary = "the configuration cannot be read: " + why;
    return fresh;
}

}  // namespace

/// From the reading thread back to the executor, until that is gone.
class Reload::Way {
 public:
    explicit Way(Executor& executor) : executor_(&executor) {}

    void begun() {
        const std::lock_guard lock(mutex_);
        ++reading_;
    }
    void ended() {
        const std::lock_guard lock(mutex_);
        --reading_;
        done_.notify_all();
    }
    /// `task` runs on the executor, unless the way is shut before.
    static void post(const std::shared_ptr<Way>& way, std::function<void()> task) {
        const std::lock_guard lock(way->mutex_);
        if (way->executor_ == nullptr) return;
        way->executor_->post([way, task = std::move(task)] {
            if (way->executor_ != nullptr) task();
        });
    }
    /// The same, later.
    static void post_after(const std::shared_ptr<Way>& way,
                           std::chrono::milliseconds delay,
                           std::function<void()> task) {
        const std::lock_guard lock(way->mutex_);
        if (way->executor_ == nullptr) return;
        way->executor_->post_after(delay, [way, task = std::move(task)] {
            if (way->executor_ != nullptr) task();
        });
    }
    /// False when a reading goes on.
    bool shut() {
        std::unique_lock lock(mutex_);
        executor_ = nullptr;
        return done_.wait_for(lock, std::exchange(left_, {}), [this] { return reading_ == 0; });
    }

 private:
    std::mutex mutex_;
    std::condition_variable done_;
    Executor* executor_;
    int reading_ = 0;
    std::chrono::milliseconds left_ = patience;
};

Reload::Reload(Executor& executor,
               Log& log,
               Prepare prepare,
               Apply apply,
               std::chrono::milliseconds hangs_after)
    : log_(log),
      prepare_(std::move(prepare)),
      apply_(std::move(apply)),
      hangs_after_(hangs_after),
      way_(std::make_shared<Way>(executor)) {}

Reload::~Reload() {
    (void)end();
}

bool Reload::end() {
    return way_->shut();
}

void Reload::request(Done done) {
    if (hangs_) {
        again_ = true;
        return done(still_hangs());
    }
    if (next_.size() >= waiting_max) {
        ReloadOutcome refused;
        refused.summary = "too many reloads are waiting";
        done(refused);
        return;
    }
    next_.push_back(std::move(done));
    if (!reading_) begin();
}

void Reload::begin() {
    reading_ = true;
    again_ = false;
    current_ = std::exchange(next_, {});
    Way::post_after(
        way_, hangs_after_, [this, reading = ++readings_] { give_up_waiting(reading); });
    const auto finish_with = [this, way = way_](FreshConfiguration fresh) {
        Way::post(way, [this, shared = std::make_shared<FreshConfiguration>(std::move(fresh))] {
            finish(std::move(*shared));
        });
    };
    way_->begun();
    try {
        // Detached, because a file that hangs cannot be interrupted.
        quiet_thread("mesh-reload", [way = way_, read = prepare_(), finish_with]() mutable {
            try {
                finish_with(read());
            } catch (const std::exception& error) {
                finish_with(failed(error.what()));
            }
            read = nullptr;  // what it owns is gone before anybody is told that it ended
            way->ended();
        }).detach();
    } catch (const std::exception& error) {
        way_->ended();
        finish_with(failed(error.what()));  // no thread or no memory is to be had
    }
}

void Reload::finish(FreshConfiguration fresh) {
    const ReloadOutcome outcome = apply(std::move(fresh));
    reading_ = false;
    hangs_ = false;
    const std::vector<Done> told = std::exchange(current_, {});
    if (!next_.empty() || again_) begin();
    for (const Done& done : told) done(outcome);
}

/// What is served goes on, whatever ran out.
ReloadOutcome Reload::apply(FreshConfiguration fresh) {
    try {
        return apply_(std::move(fresh));
    } catch (const std::exception& error) {
        log_.error("reload_failed",
                   "the configuration could not be applied to its end; reload again",
                   {{"reason", error.what()}});
        ReloadOutcome outcome;
        outcome.summary =
            std::string("the configuration could not be applied to its end: ") + error.what();
        return outcome;
    }
}

void Reload::give_up_waiting(std::uint64_t reading) {
    if (!reading_ || reading != readings_) return;
    hangs_ = true;
    const ReloadOutcome outcome = still_hangs();
    log_.error("reload_hangs",
               "reading the configuration or a file it names does not end; what ran before goes on",
               {{"summary", outcome.summary}});
    again_ = !next_.empty();
    std::vector<Done> told = std::exchange(current_, {});
    for (Done& done : std::exchange(next_, {})) told.push_back(std::move(done));
    for (const Done& done : told) done(outcome);
}

ReloadOutcome Reload::still_hangs() const {
    ReloadOutcome outcome;
    outcome.summary =
        "not applied: a file has been read for more than " +
        std::to_string(std::chrono::duration_cast<std::chrono::seconds>(hangs_after_).count()) +
        " s (a disk or a mount that does not answer?); it is applied when that ends";
    return outcome;
}

}  // namespace mesh::app
