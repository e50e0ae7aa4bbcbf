#pragma once
#include "base/clock.hpp"
#include "base/executor.hpp"
#include "http/client.hpp"

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mesh::test {

/// Runs what was posted when told to.
class ManualExecutor final : public Executor {
 public:
    void post(std::function<void()> task) override { tasks_.push_back(std::move(task)); }
    void post_after(std::chrono::milliseconds, std::function<void()> task) override {
        tasks_.push_back(std::move(task));
    }
    void run_all();
    [[nodiscard]] bool idle() const { return tasks_.empty(); }

 private:
    std::deque<std::function<void()>> tasks_;
};

/// An HTTP client whose server is a function. Answers are posted, as the contract says.
class FakeHttp final : public http::Client {
 public:
    using Answer = Result<http::Response>;
    /// No value: the request stays open until answer().
    using Script = std::function<std::optional<Answer>(const http::Request&)>;

    explicit FakeHttp(Script script) : script_(std::move(script)) {}
    http::RequestId send(http::Request request, Executor& executor, http::Completion done) override;
    void cancel(http::RequestId id) override { open_.erase(id); }

    /// Answers the oldest open request whose URL contains `part`.
    void answer(const std::string& part, const Answer& result);
    [[nodiscard]] std::size_t open() const { return open_.size(); }
    [[nodiscard]] const std::vector<http::Request>& sent() const { return sent_; }
    [[nodiscard]] std::size_t count(const std::string& part) const;

 private:
    struct Open {
        std::string url;
        Executor* executor;
        http::Completion done;
    };
    void post(http::RequestId id, const Answer& result);

    Script script_;
    std::vector<http::Request> sent_;
    http::RequestId last_ = 0;
    std::map<http::RequestId, Open> open_;
};

/// 2026-03-01T12:00:00Z
[[nodiscard]] WallTime noon();

}  // namespace mesh::test
