#pragma once
#include "base/executor.hpp"
#include "http/client.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>

namespace mesh::test {

/// An executor the test itself runs, on its own thread.
class Pump final : public Executor {
 public:
    void post(std::function<void()> task) override;
    void post_after(std::chrono::milliseconds delay, std::function<void()> task) override;
    /// Runs tasks until `reached` says so. False when that took over `limit`.
    bool run_until(const std::function<bool()>& reached,
                   std::chrono::milliseconds limit = std::chrono::seconds{20});
    /// Waits until `count` tasks are queued, without running them.
    bool wait_for_tasks(std::size_t count);

 private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> tasks_;
};

/// Waits for what another thread does; false when that took over 20 seconds.
[[nodiscard]] bool comes_true(const std::function<bool()>& holds);

/// A request without TLS.
http::Request plain(const std::string& url);

/// Sends and waits for the answer.
Result<http::Response> exchange(http::Client& client, http::Request request);

}  // namespace mesh::test
