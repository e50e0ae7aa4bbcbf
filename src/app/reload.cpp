#include "app/reload.hpp"

#include "base/quiet_thread.hpp"
#include "base/result.hpp"

#include <exception>
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

Reload::Reload(Executor& executor, Read read, Apply apply)
    : executor_(executor), read_(std::move(read)), apply_(std::move(apply)) {}

Reload::~Reload() {
    if (reader_.joinable()) reader_.join();
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
    if (reader_.joinable()) reader_.join();
    try {
        reader_ = quiet_thread("mesh-reload", [this] { read(); });
    } catch (const std::system_error& error) {
        post_finish(failed(error.what()));  // no thread is to be had
    }
}

void Reload::read() {
    try {
        post_finish(read_());
    } catch (const std::exception& error) {
        post_finish(failed(error.what()));
    }
}

void Reload::post_finish(FreshConfiguration fresh) {
    executor_.post([this,
                    alive = std::weak_ptr<int>(alive_),
                    shared = std::make_shared<FreshConfiguration>(std::move(fresh))] {
        if (!alive.expired()) finish(std::move(*shared));
    });
}

void Reload::finish(FreshConfiguration fresh) {
    const ReloadOutcome outcome = apply_(std::move(fresh));
    reading_ = false;
    const std::vector<Done> told = std::exchange(current_, {});
    if (!next_.empty()) begin();
    for (const Done& done : told) done(outcome);
}

}  // namespace mesh::app
