#pragma once
#include "http/client.hpp"
#include "model/providers.hpp"
#include "providers/consul_pace.hpp"
#include "providers/provider.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace mesh::providers {

/// "/v1/health/service/NAME" with the name encoded as a URL wants it.
[[nodiscard]] std::string health_path(std::string_view service);

/// The GET of `path`. With an index it is a blocking query, which Consul answers when something
/// has changed since, or after `wait` and up to a sixteenth more.
[[nodiscard]] http::Request consul_request(const model::ConsulCatalogProvider& settings,
                                           std::string_view path,
                                           std::uint64_t index,
                                           std::chrono::seconds wait);

/// How long a blocking query of this path waits: some 5 minutes, and not the same for all, so that
/// they do not come back together.
[[nodiscard]] std::chrono::seconds wait_of(std::string_view path);

/// The index to ask the next blocking query with: at least 1, or 0 for a fresh start because it
/// went backwards, as when the servers lost their state. Nothing: the answer has none.
[[nodiscard]] std::optional<std::uint64_t> next_index(std::uint64_t before,
                                                      const http::Response& response);

/// What an answer other than 200 means for an operator. Never holds the token. Errc::permission
/// for 403, io for the rest: 404 as well, which Consul itself does not say of a service.
[[nodiscard]] Error refusal_of(const http::Response& response,
                               const model::ConsulCatalogProvider& settings);

/// One question that is asked of an agent again and again, one request at a time. Whoever owns it
/// says when; it knows the index to go on from. Nothing happens after its destructor.
class ConsulQuery {
 public:
    /// With a 200 answer, or with why there is none. Must not destroy the query.
    using Taken = std::function<void(Result<http::Response>)>;
    struct About {
        std::string path;
        std::size_t body_size_max = 0;  ///< 0: the body does not matter
    };

    ConsulQuery(const model::ConsulCatalogProvider& settings,
                const Surroundings& surroundings,
                ConsulPace& pace,
                About about,
                Taken taken);
    ConsulQuery(const ConsulQuery&) = delete;
    ConsulQuery& operator=(const ConsulQuery&) = delete;
    ~ConsulQuery();

    /// Asks for what is now, after a pause. Drops what is under way.
    void read_after(std::chrono::milliseconds pause);
    /// Asks to hear of the next change, after a pause: a longer one if such questions have been
    /// answered within a second before. It grows to 250 ms while answers or their index
    /// change, to 2 s while they do not. Drops what is under way.
    void watch_after(std::chrono::milliseconds pause);
    /// Drops what is under way.
    void stop();
    /// Neither a request nor a pause is under way.
    [[nodiscard]] bool idle() const { return !request_ && !pausing_; }

    /// The answer taken last was to a question that waits for a change.
    [[nodiscard]] bool watched() const { return watching_; }
    /// ... and had waited for a second or more, be it in vain.
    [[nodiscard]] bool waited_long() const { return watching_ && waited_; }
    /// It was an HTTP answer, of whatever status.
    [[nodiscard]] bool answered() const { return answered_; }

 private:
    void ask_after(std::chrono::milliseconds pause);
    void pause_for(std::chrono::milliseconds pause, void (ConsulQuery::*then)());
    void book();
    void ask();
    void take(Result<http::Response> answer);
    void judge(const Result<http::Response>& answer, std::uint64_t before);
    void note_vain(std::string_view why);

    const model::ConsulCatalogProvider& settings_;
    Surroundings surroundings_;
    ConsulPace& pace_;
    About about_;
    Taken taken_;
    std::uint64_t index_ = 0;
    bool indexed_ = true;  ///< whether answers have an index at all
    std::optional<http::RequestId> request_;
    bool pausing_ = false;
    bool watching_ = false;  ///< what is under way, or was answered last, waits for a change
    bool waited_ = false;
    bool answered_ = false;
    SteadyTime asked_{};
    std::chrono::milliseconds own_pause_{0};  ///< before the next that waits for a change
    std::size_t content_ = 0;                 ///< hash of the body taken last
    int in_vain_ = 0;  ///< times in a row that one came back soon and brought nothing
    /// Tells pauses that are over from the current one; gone with the query.
    std::shared_ptr<std::uint64_t> turn_ = std::make_shared<std::uint64_t>(0);
};

}  // namespace mesh::providers
