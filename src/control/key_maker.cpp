#include "control/key_maker.hpp"

#include "base/quiet_thread.hpp"

#include <memory>
#include <utility>

namespace mesh::control {
namespace {

bool is_quick(tls::KeyType type) {
    return type == tls::KeyType::ec256 || type == tls::KeyType::ec384;
}

std::function<void()> delivery(KeyMaker::Done done, Result<tls::PrivateKey> key) {
    return [done = std::move(done), key = std::move(key)] { done(key); };
}

}  // namespace

KeyMaker::~KeyMaker() {
    {
        const std::lock_guard lock{mutex_};
        stopped_ = true;
        jobs_.clear();
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void KeyMaker::make(tls::KeyType type, Done done) {
    if (is_quick(type)) {
        executor_.post(delivery(std::move(done), tls::PrivateKey::generate(type)));
        return;
    }
    {
        const std::lock_guard lock{mutex_};
        jobs_.push_back({type, std::move(done)});
    }
    if (!thread_.joinable()) thread_ = quiet_thread("mesh-keys", [this] { work(); });
    wake_.notify_one();
}

void KeyMaker::work() {
    std::unique_lock lock{mutex_};
    for (;;) {
        wake_.wait(lock, [this] { return stopped_ || !jobs_.empty(); });
        if (stopped_) return;
        Job job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        auto key = tls::PrivateKey::generate(job.type);
        executor_.post(delivery(std::move(job.done), std::move(key)));
        lock.lock();
    }
}

}  // namespace mesh::control
