#pragma once
#include "http/client.hpp"

#include <memory>
#include <mutex>
#include <unordered_map>

namespace mesh::http {

/// Who waits for which answer. A request is live while it is in here; whoever takes it out decides
/// what becomes of it, so that cancelling, answering and destroying the client never race.
/// Thread-safe.
class Registry : public std::enable_shared_from_this<Registry> {
 public:
    [[nodiscard]] RequestId add(Executor& executor, Completion done);
    [[nodiscard]] bool live(RequestId id) const;
    /// Posts the answer to the executor of the request, if that is still live. `done` is looked up
    /// again when the task runs: cancelling in between still prevents it.
    void answer(RequestId id, Result<Response> result);
    /// False when it was answered or removed before.
    bool remove(RequestId id);
    void remove_all();

 private:
    struct Waiter {
        Executor* executor;
        Completion done;
    };
    void complete(RequestId id, Result<Response>& result);

    mutable std::mutex mutex_;
    RequestId last_ = 0;
    std::unordered_map<RequestId, Waiter> waiters_;
};

}  // namespace mesh::http
