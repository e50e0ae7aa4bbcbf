#include "providers/docker_provider.hpp"

#include "config/quote.hpp"
#include "providers/docker_event.hpp"
#include "providers/docker_units.hpp"
#include "providers/endpoint.hpp"
#include "providers/same_instances.hpp"

#include <algorithm>
#include <utility>

namespace mesh::providers {
namespace {

constexpr int events_status_ok = 200;
constexpr std::size_t notices_max = 1'000;
/// For the end of an answer whose body began.
constexpr std::chrono::milliseconds refusal_wait{1'000};
/// After it was true last.
constexpr std::chrono::minutes notice_forgotten{1};
constexpr std::size_t reason_shown_max = 300;

/// Podman refuses names of events it does not know, so that only kinds are asked for:
/// {"type":["container","network"]}.
constexpr const char* events_path =
    "/events?filters=%7B%22type%22%3A%5B%22container%22%2C%22network%22%5D%7D";

}  // namespace

DockerFollower::DockerFollower(model::DockerProvider settings,
                               const Surroundings& surroundings,
                               Report report)
    : settings_(std::move(settings)),
      surroundings_(surroundings),
      report_(std::move(report)),
      look_(settings_, surroundings_),
      connection_(std::make_shared<std::uint64_t>(0)) {
    state_.reason = "not asked yet";
    state_.since = surroundings_.clock.now();
    connect();
}

DockerFollower::~DockerFollower() {
    close_stream();
}

void DockerFollower::later(std::chrono::milliseconds delay, std::function<void()> task) {
    surroundings_.executor.post_after(delay,
                                      [task = std::move(task),
                                       now = std::weak_ptr<std::uint64_t>(connection_),
                                       connection = *connection_] {
                                          const auto alive = now.lock();
                                          if (alive && *alive == connection) task();
                                      });
}

void DockerFollower::connect() {
    ++*connection_;
    connected_ = surroundings_.clock.steady_now();
    look_after_this_ = false;
    is_quieting_ = false;
    is_resting_ = false;
    is_followed_ = false;
    not_event_.clear();
    look_.touch_all();
    if (settings_.watch) {
        open_stream();
        later(second_look, [this] { look(); });
        later(third_look, [this] { look(); });
    }
    look();
}

void DockerFollower::open_stream() {
    feed_ = std::make_shared<DockerEventFeed>(
        surroundings_.executor,
        [this](const DockerEventFeed::Batch& batch) { take_events(batch); });
    http::Request request = get(settings_.endpoint, events_path);
    request.timeout = std::chrono::milliseconds{0};
    request.body_sink = [feed = feed_](std::string_view bytes) { return feed->add(bytes); };
    stream_ = surroundings_.http.send(
        std::move(request), surroundings_.executor, [this](const Result<http::Response>& answer) {
            end_stream(answer);
        });
}

void DockerFollower::close_stream() {
    if (feed_) feed_->shut();
    if (stream_ != 0) surroundings_.http.cancel(std::exchange(stream_, 0));
}

void DockerFollower::end_stream(const Result<http::Response>& answer) {
    stream_ = 0;
    if (feed_->has_too_long_line()) return fail("an event of more than 1 MiB");
    if (answer && answer->status != events_status_ok)
        return fail(docker_refusal("GET /events", {answer->status, {}, not_event_}).message +
                    " (watch: false does without events)");
    if (!not_event_.empty())
        return fail("GET /events: not an event: it begins " + config::in_quotes(not_event_));
    if (has_lasted(second_look)) return open_again();
    fail(answer ? "the daemon ended its stream of events" : answer.error().message);
}

// Whatever is between cuts connections on which nothing is said: that is no news of the daemon, as
// long as it answers again.
void DockerFollower::open_again() {
    close_stream();
    if (has_lasted(BackOff::last)) {
        back_off_.reset();
        return connect();
    }
    ++*connection_;
    later(back_off_.next(), [this] { connect(); });
}

// The body of a refusal arrives before its status is told.
void DockerFollower::take_no_event(const std::string& line, const Error& why) {
    not_event_ = line;
    later(refusal_wait,
          [this, reason = "GET /events: not an event: " + why.message] { fail(reason); });
}

void DockerFollower::take_events(const DockerEventFeed::Batch& batch) {
    if (!not_event_.empty()) return;
    if (batch.lost) look_.touch_all();
    bool matters = batch.lost;
    for (const std::string& line : batch.lines) {
        const auto event = parse_docker_event(line);
        if (!event) return take_no_event(line, event.error());
        if (!event->matters) continue;
        // Podman tells of every check.
        if (event->health && look_.is_known_health(event->container, *event->health)) continue;
        matters = true;
        if (!event->container.empty()) look_.touch(event->container);
    }
    if (matters) look_when_quiet();
}

void DockerFollower::look_when_quiet() {
    last_event_ = surroundings_.clock.steady_now();
    if (is_quieting_) return;
    is_quieting_ = true;
    first_event_ = last_event_;
    wait_for_quiet(quiet);
}

void DockerFollower::wait_for_quiet(std::chrono::milliseconds delay) {
    later(delay, [this] {
        const SteadyTime now = surroundings_.clock.steady_now();
        const SteadyTime due = std::min(last_event_ + quiet, first_event_ + quiet_max);
        if (now < due)
            return wait_for_quiet(std::chrono::ceil<std::chrono::milliseconds>(due - now));
        is_quieting_ = false;
        look();
    });
}

void DockerFollower::look_in(std::chrono::milliseconds delay) {
    later(delay, [this, number = ++next_look_] {
        if (number != next_look_) return;
        look_.touch_unlisted_health();
        look();
    });
}

void DockerFollower::look() {
    if (look_.is_under_way()) {
        look_after_this_ = true;
        return;
    }
    if (is_resting_) return;
    const SteadyTime now = surroundings_.clock.steady_now();
    if (now < rested_) {
        is_resting_ = true;
        return later(std::chrono::ceil<std::chrono::milliseconds>(rested_ - now), [this] {
            is_resting_ = false;
            look();
        });
    }
    look_began_ = now;
    look_.begin([this](Result<DockerLook::Seen> seen) { take_look(std::move(seen)); });
}

void DockerFollower::take_look(Result<DockerLook::Seen> seen) {
    if (!seen) return fail(seen.error().message);
    DockerInventory result = docker_inventory(seen->containers, settings_);
    std::vector<DockerNotice> notices = std::move(seen->notices);
    notices.insert(notices.end(), result.notices.begin(), result.notices.end());
    tell(notices);
    state_.units = result.inventory.units.size();
    up();
    rest();
    if (is_followed_) look();
    look_in(settings_.watch ? look_again : look_unwatched);
    report(std::move(result.inventory));
}

void DockerFollower::rest() {
    const bool follows_another = is_followed_;
    is_followed_ = std::exchange(look_after_this_, false);
    const SteadyTime now = surroundings_.clock.steady_now();
    const auto took = now - look_began_;
    rested_ =
        now +
        (is_followed_ && follows_another ? std::max<SteadyTime::duration>(took, rest_min) : took);
}

void DockerFollower::report(config::Inventory inventory) {
    if (last_ && config::same_definitions(*last_, inventory) && same_instances(*last_, inventory))
        return;
    last_ = std::make_shared<const config::Inventory>(std::move(inventory));
    report_(last_);
}

void DockerFollower::tell(const std::vector<DockerNotice>& notices) {
    const SteadyTime now = surroundings_.clock.steady_now();
    for (const DockerNotice& notice : notices) {
        DockerNotice key = notice;
        // The words of the daemon, which may be others each time.
        if (key.event == docker_unreadable_event) key.detail.clear();
        if (const auto told = told_.find(key); told != told_.end()) {
            told->second = now;
            continue;
        }
        if (told_.size() >= notices_max) continue;
        told_.emplace(std::move(key), now);
        surroundings_.log.warn(notice.event,
                               notice.message,
                               {{"provider", "docker"},
                                {"container", config::printable(notice.container, 120)},
                                {"detail", config::printable(notice.detail, 200)}});
    }
    std::erase_if(told_, [now](const auto& told) { return now - told.second >= notice_forgotten; });
}

bool DockerFollower::has_lasted(std::chrono::milliseconds time) const {
    return surroundings_.clock.steady_now() - connected_ >= time;
}

void DockerFollower::up() {
    if (state_.reachable) return;
    // A daemon that answers lists and refuses events would come and go at every try.
    if (std::exchange(has_told_state_, true) && settings_.watch && !has_lasted(second_look)) return;
    state_.reachable = true;
    state_.reason.clear();
    state_.since = surroundings_.clock.now();
    surroundings_.log.info("provider_up",
                           "the provider's daemon answers",
                           {{"provider", "docker"},
                            {"endpoint", describe(settings_.endpoint)},
                            {"units", static_cast<std::uint64_t>(state_.units)}});
}

void DockerFollower::fail(const std::string& reason) {
    close_stream();
    look_.cancel();
    ++*connection_;
    if (state_.reachable && has_lasted(BackOff::last)) back_off_.reset();
    const bool was_reachable = std::exchange(state_.reachable, false);
    state_.reason = config::printable(reason, reason_shown_max);
    if (was_reachable || !std::exchange(has_told_state_, true)) {
        state_.since = surroundings_.clock.now();
        surroundings_.log.warn("provider_down",
                               "the provider's daemon does not answer; what it said last stays, "
                               "and it is tried again and again",
                               {{"provider", "docker"},
                                {"endpoint", describe(settings_.endpoint)},
                                {"reason", state_.reason}});
    }
    later(back_off_.next(), [this] { connect(); });
}

std::unique_ptr<Provider> make_docker(const model::DockerProvider& settings,
                                      const Surroundings& surroundings,
                                      Report report) {
    return std::make_unique<DockerFollower>(settings, surroundings, std::move(report));
}

}  // namespace mesh::providers
