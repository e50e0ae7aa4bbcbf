#pragma once
#include "base/clock.hpp"
#include "proxy/name_throttle.hpp"
#include "proxy/proven_address.hpp"
#include "proxy/server_story.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace mesh::proxy {

/// What the workers have seen of one server of one service; shared by all of them. Thread-safe.
class ServerState {
 public:
    /// A server that could not be reached so often in a row is left out for a while.
    static constexpr std::uint64_t failures_max = 3;
    static constexpr std::chrono::seconds time_out{10};

    enum class Standing {
        in,
        out,
        due,   ///< it was out for long enough: one connection may try it
        down,  ///< a health check says so: nobody gets it, whoever else is out
    };
    [[nodiscard]] Standing standing(SteadyTime now) const;
    /// Of one that is due: true for exactly one caller, who says how it went by reached(),
    /// failed() or gave_up(). Should it not, another one may after the same time again.
    [[nodiscard]] bool claim_trial(SteadyTime now);

    /// What connections meet, and what of it is to be logged. Of a server that comes and goes not
    /// every change is: then whoever meets it next tells, so that what was said last becomes true.

    /// True: it was said to be away, and is up now as far as is known.
    bool reached(SteadyTime now);
    struct Failure {
        bool is_first = false;  ///< to be logged: it was not said to be away
        bool ejects = false;    ///< to be logged: it is out from now on, and was not before
        bool is_news = false;   ///< for its story, logged or not
    };
    Failure failed(SteadyTime now);
    /// The trial was broken off and says nothing about the server.
    void gave_up(SteadyTime now);

    /// It was reached, and refused the connection by its first word. After as many in a row as of
    /// failures it is out likewise, and reached() means nothing until it has spoken, or for longer
    /// than a trial takes has not refused. True: it is out from now on, and was not before.
    bool refused(SteadyTime now);
    /// A first word that was no refusal.
    void spoke(SteadyTime now);

    /// What a health check finds, when that changes. It is down until came_up(). True: it was not
    /// said to be away.
    bool went_down();
    /// It is in again, whatever connections have met. True: it was said to be away.
    bool came_up();

    /// Who finds a server to be away tells why; that it is in again is told here.
    ServerStory story;
    ProvenAddress proven;  ///< by its health check; none without one

    /// Being dialled, and established.
    [[nodiscard]] std::size_t connections() const {
        return connections_.load(std::memory_order_relaxed);
    }

 private:
    friend class ServerSlot;
    [[nodiscard]] bool goes_on_refusing(SteadyTime now);

    std::atomic<std::size_t> connections_{0};
    std::atomic<std::uint64_t> failures_{0};           ///< in a row
    std::atomic<SteadyTime::rep> out_until_{not_out};  ///< on the steady clock
    std::atomic<std::uint64_t> refusals_{0};           ///< in a row
    std::atomic<SteadyTime::rep> refused_at_{0};
    /// All in one word, so that nobody is told that a server is up which a check has just put
    /// down.
    static constexpr std::uint8_t is_down = 1;  ///< a health check says so
    static constexpr std::uint8_t is_away = 2;  ///< or it could not be reached
    static constexpr std::uint8_t is_told = 4;  ///< that was logged last
    std::atomic<std::uint8_t> held_for_{0};
    ChangeThrottle lines_;
    static constexpr SteadyTime::rep not_out = SteadyTime::min().time_since_epoch().count();
};

/// One connection counted for its server; gives it back when destroyed.
class ServerSlot {
 public:
    ServerSlot() = default;
    explicit ServerSlot(std::shared_ptr<ServerState> state) : state_(std::move(state)) {
        state_->connections_.fetch_add(1, std::memory_order_relaxed);
    }
    /// Nothing when the server does not have `seen` connections any more.
    [[nodiscard]] static ServerSlot take_at(const std::shared_ptr<ServerState>& state,
                                            std::size_t seen);
    ServerSlot(ServerSlot&&) noexcept = default;
    ServerSlot& operator=(ServerSlot&& other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~ServerSlot() {
        if (state_) state_->connections_.fetch_sub(1, std::memory_order_relaxed);
    }
    explicit operator bool() const { return state_ != nullptr; }
    [[nodiscard]] ServerState* state() const { return state_.get(); }

 private:
    std::shared_ptr<ServerState> state_;
};

/// The servers of a service by address, those of before too while anything counts towards them: a
/// server that comes back, in whichever pool, is the one it was. Thread-safe; the workers do not
/// use it.
class ServerStates {
 public:
    [[nodiscard]] std::shared_ptr<ServerState> of(const std::string& host, std::uint16_t port);
    [[nodiscard]] std::size_t size() const;
    /// Some server has connections.
    [[nodiscard]] bool in_use() const;

 private:
    static constexpr std::size_t sweep_least = 64;
    mutable std::mutex mutex_;
    std::map<std::pair<std::string, std::uint16_t>, std::weak_ptr<ServerState>> states_;
    std::size_t sweep_at_ = sweep_least;
};

}  // namespace mesh::proxy
