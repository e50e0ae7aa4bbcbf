#pragma once
#include "base/executor.hpp"
#include "base/result.hpp"
#include "tls/key_pair.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace mesh::control {

/// Makes private keys without holding up the executor: elliptic curves at once (a fraction of a
/// millisecond), RSA (up to seconds) on a thread of its own, started with the first such key.
class KeyMaker {
 public:
    using Done = std::function<void(Result<tls::PrivateKey>)>;

    explicit KeyMaker(Executor& executor) : executor_(executor) {}
    /// Waits for the key being made; those not begun are dropped.
    ~KeyMaker();
    KeyMaker(const KeyMaker&) = delete;
    KeyMaker& operator=(const KeyMaker&) = delete;

    /// `done` is posted to the executor.
    void make(tls::KeyType type, Done done);

 private:
    struct Job {
        tls::KeyType type;
        Done done;
    };
    void work();

    Executor& executor_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Job> jobs_;
    bool stopped_ = false;
    std::thread thread_;
};

}  // namespace mesh::control
