#include "app/reload.hpp"

#include "base/result.hpp"

#include <csignal>
#include <exception>
#include <pthread.h>
#include <utility>

namespace mesh::app {
namespace {

std::thread quiet_thread(std::function<void()> work) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread thread(std::move(work));
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
}

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
    reader_ = quiet_thread([this, alive = std::weak_ptr<int>(alive_)] {
        ::pthread_setname_np(::pthread_self(), "mesh-reload");
        auto fresh = std::make_shared<FreshConfiguration>();
        try {
            *fresh = read_();
        } catch (const std::exception& error) {
            *fresh = failed(error.what());
        }
        executor_.post([this, alive, fresh] {
            if (!alive.expired()) finish(std::move(*fresh));
        });
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
