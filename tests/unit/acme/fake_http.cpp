#include "fake_http.hpp"

#include <algorithm>
#include <stdexcept>

namespace mesh::test {

void ManualExecutor::run_all() {
    while (!tasks_.empty()) {
        const std::function<void()> task = std::move(tasks_.front());
        tasks_.pop_front();
        task();
    }
}

http::RequestId FakeHttp::send(http::Request request, Executor& executor, http::Completion done) {
    const http::RequestId id = ++last_;
    open_.emplace(id, Open{request.url, &executor, std::move(done)});
    sent_.push_back(request);
    if (const auto result = script_(request)) post(id, *result);
    return id;
}

void FakeHttp::post(http::RequestId id, const Answer& result) {
    open_.at(id).executor->post([this, id, result] {
        const auto found = open_.find(id);
        if (found == open_.end()) return;
        const http::Completion done = std::move(found->second.done);
        open_.erase(found);
        done(result);
    });
}

void FakeHttp::answer(const std::string& part, const Answer& result) {
    const auto found = std::find_if(open_.begin(), open_.end(), [&](const auto& entry) {
        return entry.second.url.find(part) != std::string::npos;
    });
    if (found == open_.end()) throw std::logic_error("no open request for " + part);
    post(found->first, result);
}

std::size_t FakeHttp::count(const std::string& part) const {
    return static_cast<std::size_t>(
        std::count_if(sent_.begin(), sent_.end(), [&](const http::Request& request) {
            return request.url.find(part) != std::string::npos;
        }));
}

WallTime noon() {
    using namespace std::chrono;
    return sys_days{year{2026} / 3 / 1} + hours{12};
}

}  // namespace mesh::test
