#pragma once
#include "providers/back_off.hpp"
#include "providers/docker_event_feed.hpp"
#include "providers/docker_look.hpp"
#include "providers/provider.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace mesh::providers {

/// Follows a Docker daemon: opens its stream of events, then looks at what runs, and looks again
/// when events have come and are over. When the stream or a look fails, all begins anew after a
/// pause; the inventory stays meanwhile. So it does, without a word, when a stream ends that has
/// lasted.
class DockerFollower final : public Provider {
 public:
    /// After the last event, before a look; and after the first one, when they do not end.
    static constexpr std::chrono::milliseconds quiet{100};
    static constexpr std::chrono::milliseconds quiet_max{500};
    /// At least, after a look that follows another one and is followed at once itself; after any,
    /// as long as it took: neither a slow daemon nor this thread does nothing else.
    static constexpr std::chrono::milliseconds rest_min{500};
    /// Nothing says when a stream that was asked for begins to hear of events: what comes to pass
    /// between the first look and that is seen by this second one.
    static constexpr std::chrono::milliseconds second_look{1'000};
    /// The same for a stream that was long in coming: its connecting may take ten seconds.
    static constexpr std::chrono::milliseconds third_look{11'000};
    /// Without events: finds a daemon that went away without a word.
    static constexpr std::chrono::milliseconds look_again{60'000};
    /// Between looks without `watch`.
    static constexpr std::chrono::milliseconds look_unwatched{15'000};

    DockerFollower(model::DockerProvider settings, const Surroundings& surroundings, Report report);
    ~DockerFollower() override;
    DockerFollower(const DockerFollower&) = delete;
    DockerFollower& operator=(const DockerFollower&) = delete;

    [[nodiscard]] ProviderState state() const override { return state_; }

 private:
    void connect();
    void open_stream();
    void close_stream();
    void take_events(const DockerEventFeed::Batch& batch);
    void take_no_event(const std::string& line, const Error& why);
    void end_stream(const Result<http::Response>& answer);
    void open_again();

    void look();
    void look_when_quiet();
    void wait_for_quiet(std::chrono::milliseconds delay);
    void look_in(std::chrono::milliseconds delay);
    void take_look(Result<DockerLook::Seen> seen);
    /// Sets when the next look may begin at the earliest.
    void rest();
    void report(config::Inventory inventory);
    void tell(const std::vector<DockerNotice>& notices);

    /// Whether the connection has been there for so long.
    [[nodiscard]] bool has_lasted(std::chrono::milliseconds time) const;
    void up();
    void fail(const std::string& reason);

    /// Runs the task after the delay, unless this is destroyed or the connection another one then.
    void later(std::chrono::milliseconds delay, std::function<void()> task);

    const model::DockerProvider settings_;
    const Surroundings surroundings_;
    const Report report_;
    DockerLook look_;
    BackOff back_off_;
    ProviderState state_;
    bool has_told_state_ = false;
    config::InventoryPtr last_;
    std::map<DockerNotice, SteadyTime> told_;  ///< when they were true last

    std::shared_ptr<std::uint64_t> connection_;  ///< counts them; gone with this
    SteadyTime connected_{};
    std::shared_ptr<DockerEventFeed> feed_;
    http::RequestId stream_ = 0;
    std::string not_event_;  ///< a line of the stream's answer: it is a refusal, or nonsense
    bool is_quieting_ = false;
    SteadyTime first_event_{};
    SteadyTime last_event_{};
    bool look_after_this_ = false;  ///< something happened during a look
    bool is_followed_ = false;      ///< that was so at the end of the last look
    bool is_resting_ = false;       ///< a look waits for `rested_`
    SteadyTime look_began_{};
    SteadyTime rested_{};
    std::uint64_t next_look_ = 0;  ///< tells the timer of the next look from those before
};

}  // namespace mesh::providers
