#include "pump.hpp"

#include <stdexcept>
#include <thread>

namespace mesh::test {

void Pump::post(std::function<void()> task) {
    {
        const std::lock_guard lock(mutex_);
        tasks_.push_back(std::move(task));
    }
    changed_.notify_all();
}

void Pump::post_after(std::chrono::milliseconds, std::function<void()>) {
    throw std::logic_error("the HTTP client sets no timers on the caller's executor");
}

bool Pump::run_until(const std::function<bool()>& reached, std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!reached()) {
        std::function<void()> task;
        {
            std::unique_lock lock(mutex_);
            if (!changed_.wait_until(lock, deadline, [&] { return !tasks_.empty(); })) return false;
            task = std::move(tasks_.front());
            tasks_.pop_front();
        }
        task();
    }
    return true;
}

bool Pump::wait_for_tasks(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(
        lock, std::chrono::seconds{20}, [&] { return tasks_.size() >= count; });
}

bool comes_true(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!holds()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return true;
}

http::Request plain(const std::string& url) {
    http::Request request;
    request.url = url;
    request.https_only = false;
    return request;
}

Result<http::Response> exchange(http::Client& client, http::Request request) {
    Pump pump;
    std::optional<Result<http::Response>> answer;
    client.send(std::move(request), pump, [&](Result<http::Response> result) {
        answer.emplace(std::move(result));
    });
    if (!pump.run_until([&] { return answer.has_value(); })) {
        throw std::runtime_error("the client never answered");
    }
    return *answer;
}

}  // namespace mesh::test
