#include "app/reload.hpp"

#include "base/quiet_thread.hpp"
#include "base/result.hpp"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <utility>

namespace mesh::app {
namespace {

/// Reading ran out of something; the configuration that runs is not touched.
FreshConfiguration failed(const std::string& why) {
    FreshConfiguration fresh;
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

Reload::Reload(Executor& executor, Prepare prepare, Apply apply)
    : prepare_(std::move(prepare)),
      apply_(std::move(apply)),
      way_(std::make_shared<Way>(executor)) {}

Reload::~Reload() {
    (void)end();
}

bool Reload::end() {
    return way_->shut();
}

void Reload::request(Done done) {
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
    current_ = std::exchange(next_, {});
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
    } catch (const std::system_error& error) {
        way_->ended();
        finish_with(failed(error.what()));  // no thread is to be had
    }
}

void Reload::finish(FreshConfiguration fresh) {
    const ReloadOutcome outcome = apply_(std::move(fresh));
    reading_ = false;
    const std::vector<Done> told = std::exchange(current_, {});
    if (!next_.empty()) begin();
    for (const Done& done : told) done(outcome);
}

}  // namespace mesh::app
