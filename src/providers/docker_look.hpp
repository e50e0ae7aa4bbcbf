#pragma once
#include "base/result.hpp"
#include "http/client.hpp"
#include "providers/docker_address.hpp"
#include "providers/docker_container.hpp"
#include "providers/provider.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace mesh::providers {

/// The event of DockerNotice for a container that cannot be inspected.
inline constexpr const char* docker_unreadable_event = "provider_container_unreadable";

/// Looks at what runs: lists the containers, then inspects those that are wanted by their labels,
/// and whose networks these use. What was inspected before, and has not been touched or listed
/// otherwise since, is not asked for again. One look at a time, on the executor.
class DockerLook {
 public:
    /// Inspections under way at a time.
    static constexpr std::size_t at_once = 8;
    /// More touched containers than this are all.
    static constexpr std::size_t touched_max = 10'000;

    struct Seen {
        std::vector<Container> containers;  ///< those of which nothing more is wanted as listed
        std::vector<DockerNotice> notices;
    };
    /// Errors: the daemon cannot be reached, or does not say what it should. One container that it
    /// cannot tell about is none: that keeps the form it was seen in last, else it is left out,
    /// unless none were left of those that were seen before.
    using Done = std::function<void(Result<Seen>)>;

    DockerLook(const model::DockerProvider& settings, const Surroundings& surroundings);
    ~DockerLook() { cancel(); }
    DockerLook(const DockerLook&) = delete;
    DockerLook& operator=(const DockerLook&) = delete;

    /// `done` runs once, unless the look is cancelled or this destroyed before.
    void begin(Done done);
    void cancel();
    [[nodiscard]] bool is_under_way() const { return done_ != nullptr; }

    /// From the next look on, this container is inspected anew.
    void touch(const std::string& id);
    void touch_all() { all_touched_ = true; }
    /// Those whose health changes without a list that shows it, or an event for sure: Podman's.
    void touch_unlisted_health();

    /// Whether this container's health was this when it was seen last, or does not matter.
    [[nodiscard]] bool is_known_health(const std::string& id, Container::Health health) const;

 private:
    struct Known {
        Container listed;  ///< as it was when it was inspected
        Container inspected;
        bool fresh = true;
    };

    void take_list(const Result<http::Response>& answer);
    void forget_touched();
    void choose();
    void want(const Container& listed);
    void want_network_owners();
    void ask_more();
    void inspect(const std::string& id);
    void take_container(const std::string& id, const Result<http::Response>& answer);
    void keep_earlier_form(const std::string& id, const std::string& reason);
    void finish();
    void fail(Error error);
    [[nodiscard]] http::Request request(const std::string& path, std::size_t size_max) const;

    const model::DockerProvider& settings_;
    http::Client& http_;
    Executor& executor_;

    Done done_;  ///< none: no look is under way
    std::map<std::string, Container> listed_;
    std::map<std::string, Known> known_;
    std::set<std::string> touched_;
    bool all_touched_ = false;
    bool knew_some_ = false;  ///< of the wanted ones, at the end of the last look

    // Of this look.
    http::RequestId list_ = 0;
    std::deque<std::string> waiting_;
    std::map<std::string, http::RequestId> asked_;
    std::set<std::string> wanted_;
    std::set<std::string> gone_;  ///< listed, but not there any more when asked for
    std::string refusal_;         ///< why the daemon does not tell about one of them
    bool is_forbidden_ = false;   ///< that is no trouble of its own
    std::vector<DockerNotice> notices_;
};

/// "GET /containers/json: 500: what the daemon says", for answers that are no success.
[[nodiscard]] Error docker_refusal(const std::string& what, const http::Response& response);

}  // namespace mesh::providers
