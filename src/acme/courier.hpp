#pragma once
#include "acme/client.hpp"
#include "acme/failure.hpp"
#include "acme/jws.hpp"
#include "acme/nonce_pool.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mesh::acme {

/// A good answer (2xx) with what every kind of request needs of it.
struct Answer {
    std::string url;  ///< what was asked; the base of relative URLs
    http::Response response;
    std::optional<WallTime> retry_at;
};

/// What to send, once the directory is known.
struct Letter {
    std::string url;
    std::optional<std::string> payload;  ///< none: POST-as-GET
};

/// One signed request on its way.
struct Call {
    Call(Step step_, tls::PrivateKey key_, KeyReference reference_)
        : step(step_), key(std::move(key_)), reference(std::move(reference_)) {}

    Step step;
    tls::PrivateKey key;
    KeyReference reference;
    std::function<Outcome<Letter>(const Directory&)> compose;
    std::string accept = "application/json";
    std::function<void(Outcome<Answer>)> done;
    Letter letter;
    unsigned nonces_refused = 0;
};

/// Carries signed requests to one CA: directory, nonces, the bound on requests in flight,
/// repetition on badNonce, Retry-After and the CA's clock. Lives on one executor.
class Courier : public std::enable_shared_from_this<Courier> {
 public:
    Courier(ClientSettings settings,
            http::Client& http,
            Executor& executor,
            const Clock& clock,
            Log& log);

    void fetch_directory(Handler<Directory> done);
    void submit(Call call);
    void forget();
    /// Nothing is asked and nobody is told from now on.
    void close();

    [[nodiscard]] std::optional<std::chrono::milliseconds> clock_offset() const {
        return clock_offset_;
    }
    [[nodiscard]] const std::optional<Directory>& known_directory() const { return directory_; }

 private:
    using Start = std::function<void()>;
    using CallPtr = std::shared_ptr<Call>;

    void enqueue(Start start, std::function<void(Failure)> refuse, const Asked& asked);
    void schedule_pump();
    void pump();
    void leave() { --in_flight_; }

    [[nodiscard]] bool directory_is_fresh() const;
    void with_directory(Handler<Directory> done);
    void take_directory(const Result<http::Response>& result, unsigned generation);
    [[nodiscard]] Outcome<Directory> read_directory_answer(const Result<http::Response>& result);

    void compose(const CallPtr& call);
    void find_nonce(const CallPtr& call);
    void take_nonce_answer(const CallPtr& call, const Result<http::Response>& result);
    void post(const CallPtr& call, const std::string& nonce);
    void take_answer(const CallPtr& call, Result<http::Response> result);
    void repeat(const CallPtr& call, std::string_view nonce);
    void finish(const CallPtr& call, Outcome<Answer> outcome);

    void send(Step step, http::Request request, std::function<void(Result<http::Response>)> done);
    [[nodiscard]] http::Request request(http::Method method, const std::string& url) const;
    /// Clock and Retry-After of an answer.
    [[nodiscard]] std::optional<WallTime> note(const http::Response& response);
    void trace(Step step, const Result<http::Response>& result) const;
    [[nodiscard]] Asked asked(const Call& call) const;
    [[nodiscard]] Asked asked_directory() const;

    const ClientSettings settings_;
    http::Client& http_;
    Executor& executor_;
    const Clock& clock_;
    Log& log_;

    bool closed_ = false;
    bool pump_scheduled_ = false;
    unsigned in_flight_ = 0;
    std::deque<Start> waiting_;
    std::set<http::RequestId> outstanding_;

    std::optional<Directory> directory_;
    SteadyTime directory_fetched_{};
    unsigned directory_generation_ = 0;
    std::vector<Handler<Directory>> directory_waiters_;

    NoncePool nonces_;
    std::optional<std::chrono::milliseconds> clock_offset_;
    bool odd_retry_after_told_ = false;
};

}  // namespace mesh::acme
