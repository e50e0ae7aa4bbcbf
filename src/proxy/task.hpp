#pragma once
// Only the sources of this room include this header: Asio costs seconds per file.
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <utility>

namespace mesh::proxy {

namespace net = boost::asio;

using TaskExecutor = net::io_context::executor_type;
/// A coroutine of a worker.
template <class T = void>
using Task = net::awaitable<T, TaskExecutor>;
inline constexpr net::use_awaitable_t<TaskExecutor> use_task{};

/// The one place where a coroutine sleeps until something it may care about has happened. Like a
/// condition variable: whoever wakes it says nothing but "look again", and the coroutine loops
/// until its condition holds. Waking nobody does nothing.
class Suspension {
 public:
    /// Not while another coroutine waits here.
    Task<> wait() { return net::async_initiate<const Token&, void()>(Start{*this}, use_task); }

    /// Runs the waiting coroutine on this stack until it waits again or ends.
    void wake() {
        if (const auto sleeper = std::move(sleeper_)) sleeper->resume();
    }

 private:
    using Token = net::use_awaitable_t<TaskExecutor>;

    struct Sleeper {
        virtual ~Sleeper() = default;
        virtual void resume() = 0;
    };
    template <class Handler>
    struct SleeperOf final : Sleeper {
        explicit SleeperOf(Handler handler) : handler_(std::move(handler)) {}
        void resume() override { std::move(handler_)(); }
        Handler handler_;
    };
    struct Start {
        Suspension& place;
        template <class Handler>
        void operator()(Handler&& handler) const {
            using Kept = SleeperOf<std::decay_t<Handler>>;
            place.sleeper_ = std::make_unique<Kept>(std::forward<Handler>(handler));
        }
    };

    std::unique_ptr<Sleeper> sleeper_;
};

}  // namespace mesh::proxy
