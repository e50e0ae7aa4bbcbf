#include "acme/courier.hpp"

#include "acme/resources.hpp"
#include "acme/retry_after.hpp"
#include "base/crash_point.hpp"
#include "base/time_text.hpp"
#include "http/url.hpp"

namespace mesh::acme {

namespace {

/// RFC 8555 §6.5 wants a repetition; a CA that refuses this many in a row is not well.
constexpr unsigned repetitions_max = 10;
constexpr std::size_t waiting_max = 8192;
constexpr std::size_t answer_size_max = 1 << 20;
constexpr std::chrono::hours directory_age_max{24};

bool is_good(const http::Response& response) {
    return response.status >= 200 && response.status < 300;
}

bool refused_nonce(const http::Response& response) {
    if (is_good(response)) return false;
    const Problem problem = read_problem(response.status, response.body);
    return problem.name() == "badNonce";
}

}  // namespace

Courier::Courier(
    ClientSettings settings, http::Client& http, Executor& executor, const Clock& clock, Log& log)
    : settings_(std::move(settings)), http_(http), executor_(executor), clock_(clock), log_(log) {}

void Courier::close() {
    closed_ = true;
    for (const http::RequestId id : outstanding_) http_.cancel(id);
    outstanding_.clear();
    waiting_.clear();
    directory_waiters_.clear();
}

void Courier::forget() {
    directory_.reset();
    ++directory_generation_;
    nonces_.clear();
}

Asked Courier::asked(const Call& call) const {
    return {call.step, call.letter.url.empty() ? settings_.directory_url : call.letter.url};
}

Asked Courier::asked_directory() const {
    return {Step::directory, settings_.directory_url};
}

// --- the queue ---

// A handler never runs inside the call that names it, so even a refusal is posted.
void Courier::enqueue(Start start, std::function<void(Failure)> refuse, const Asked& asked) {
    if (waiting_.size() >= waiting_max) {
        executor_.post([weak = weak_from_this(), refuse = std::move(refuse), asked] {
            const auto self = weak.lock();
            if (!self || self->closed_) return;
            refuse(failure(
                FailureClass::unreachable, asked, "was not asked: too many requests wait for it"));
        });
        return;
    }
    waiting_.push_back(std::move(start));
    schedule_pump();
}

void Courier::schedule_pump() {
    if (pump_scheduled_) return;
    pump_scheduled_ = true;
    executor_.post([weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->pump();
    });
}

void Courier::pump() {
    pump_scheduled_ = false;
    const unsigned limit = std::max(settings_.in_flight_max, 1U);
    while (!closed_ && in_flight_ < limit && !waiting_.empty()) {
        const Start start = std::move(waiting_.front());
        waiting_.pop_front();
        ++in_flight_;
        start();
    }
}

void Courier::fetch_directory(Handler<Directory> done) {
    const auto refuse = [done](const Failure& failure) { done(failure); };
    enqueue(
        [this, done = std::move(done)] {
            with_directory([this, done](Outcome<Directory> directory) {
                leave();
                schedule_pump();
                done(std::move(directory));
            });
        },
        refuse,
        asked_directory());
}

void Courier::submit(Call call) {
    const auto shared = std::make_shared<Call>(std::move(call));
    enqueue([this, shared] { compose(shared); },
            [shared](const Failure& failure) { shared->done(failure); },
            asked(*shared));
}

// --- the directory ---

bool Courier::directory_is_fresh() const {
    return directory_ && clock_.steady_now() - directory_fetched_ < directory_age_max;
}

void Courier::with_directory(Handler<Directory> done) {
    if (directory_is_fresh()) return done(*directory_);
    directory_waiters_.push_back(std::move(done));
    if (directory_waiters_.size() > 1) return;  // somebody is asking already
    send(Step::directory,
         request(http::Method::get, settings_.directory_url),
         [this, generation = directory_generation_](const Result<http::Response>& result) {
             take_directory(result, generation);
         });
}

void Courier::take_directory(const Result<http::Response>& result, unsigned generation) {
    trace(Step::directory, result);
    const Outcome<Directory> outcome = read_directory_answer(result);
    if (outcome && generation == directory_generation_) {
        directory_ = *outcome;
        directory_fetched_ = clock_.steady_now();
    }
    std::vector<Handler<Directory>> waiters;
    waiters.swap(directory_waiters_);
    for (const Handler<Directory>& waiter : waiters) {
        if (closed_) return;
        waiter(outcome);
    }
}

Outcome<Directory> Courier::read_directory_answer(const Result<http::Response>& result) {
    if (!result) return no_answer(asked_directory(), result.error());
    const auto retry_at = note(*result);
    if (!is_good(*result)) {
        Failure failed = refusal(asked_directory(), *result, retry_at);
        // Nobody refuses a directory: what answers here is not (yet) the CA.
        if (failed.kind == FailureClass::protocol) failed.kind = FailureClass::unreachable;
        return failed;
    }
    auto directory = read_directory(result->body, settings_.directory_url);
    if (!directory) return nonsense(asked_directory(), *result, directory.error(), retry_at);
    return std::move(*directory);
}

// --- one signed request ---

void Courier::compose(const CallPtr& call) {
    with_directory([this, call](Outcome<Directory> directory) {
        if (!directory) return finish(call, std::move(directory).error());
        Outcome<Letter> letter = call->compose(*directory);
        if (!letter) return finish(call, std::move(letter).error());
        call->letter = std::move(*letter);
        find_nonce(call);
    });
}

void Courier::find_nonce(const CallPtr& call) {
    if (const auto nonce = nonces_.take(clock_.steady_now())) return post(call, *nonce);
    with_directory([this, call](Outcome<Directory> directory) {
        if (!directory) return finish(call, std::move(directory).error());
        send(Step::nonce,
             request(http::Method::head, directory->new_nonce),
             [this, call](const Result<http::Response>& result) {
                 take_nonce_answer(call, result);
             });
    });
}

void Courier::take_nonce_answer(const CallPtr& call, const Result<http::Response>& result) {
    trace(Step::nonce, result);
    const Asked asked_nonce{Step::nonce,
                            directory_ ? directory_->new_nonce : settings_.directory_url};
    if (!result) return finish(call, no_answer(asked_nonce, result.error()));
    const auto retry_at = note(*result);
    if (!is_good(*result)) return finish(call, refusal(asked_nonce, *result, retry_at));
    const std::string_view nonce = result->header("Replay-Nonce");
    if (!NoncePool::acceptable(nonce)) {
        return finish(
            call,
            failure(FailureClass::unreachable, asked_nonce, "answered without a usable nonce"));
    }
    post(call, std::string(nonce));
}

void Courier::post(const CallPtr& call, const std::string& nonce) {
    auto body =
        sign_request(call->key, call->reference, call->letter.url, nonce, call->letter.payload);
    if (!body) {
        return finish(call,
                      failure(FailureClass::config,
                              asked(*call),
                              "was not asked: signing failed: " + body.error().message));
    }
    http::Request request = this->request(http::Method::post, call->letter.url);
    request.headers.emplace_back("Content-Type", "application/jose+json");
    request.headers.emplace_back("Accept", call->accept);
    request.body = std::move(*body);
    send(call->step, std::move(request), [this, call](Result<http::Response> result) {
        take_answer(call, std::move(result));
    });
}

void Courier::take_answer(const CallPtr& call, Result<http::Response> result) {
    trace(call->step, result);
    if (!result) {
        // The CA was away: when it is back it may not know the nonces it gave.
        nonces_.clear();
        return finish(call, no_answer(asked(*call), result.error()));
    }
    const auto retry_at = note(*result);
    const std::string_view nonce = result->header("Replay-Nonce");
    if (refused_nonce(*result) && call->nonces_refused < repetitions_max)
        return repeat(call, nonce);
    nonces_.put(nonce, clock_.steady_now());
    if (!is_good(*result)) return finish(call, refusal(asked(*call), *result, retry_at));
    finish(call, Answer{call->letter.url, std::move(*result), retry_at});
}

// With the nonce of the refusal, which is the newest there is (RFC 8555 §6.5).
void Courier::repeat(const CallPtr& call, std::string_view nonce) {
    ++call->nonces_refused;
    if (NoncePool::acceptable(nonce)) return post(call, std::string(nonce));
    find_nonce(call);
}

void Courier::finish(const CallPtr& call, Outcome<Answer> outcome) {
    leave();
    schedule_pump();
    call->done(std::move(outcome));
}

// --- the wire ---

http::Request Courier::request(http::Method method, const std::string& url) const {
    http::Request request;
    request.method = method;
    request.url = url;
    request.trust = settings_.trust;
    request.timeout = settings_.request_timeout;
    request.body_size_max = answer_size_max;
    request.headers.emplace_back("Accept-Language", "en");
    return request;
}

void Courier::send(Step step,
                   http::Request request,
                   std::function<void(Result<http::Response>)> done) {
    crash_point("before-request", to_string(step));
    // Completions are posted, so the id is known before one runs.
    const auto id = std::make_shared<http::RequestId>();
    *id = http_.send(
        std::move(request),
        executor_,
        [weak = weak_from_this(), id, step, done = std::move(done)](Result<http::Response> result) {
            crash_point("after-request", to_string(step));
            const auto self = weak.lock();
            if (!self || self->closed_) return;
            self->outstanding_.erase(*id);
            done(std::move(result));
        });
    outstanding_.insert(*id);
}

std::optional<WallTime> Courier::note(const http::Response& response) {
    const WallTime now = clock_.now();
    std::optional<WallTime> date;
    if (const auto parsed = parse_http_date(response.header("Date"))) date = *parsed;
    if (date) clock_offset_ = *date - now;
    const RetryAfter retry = read_retry_after(response.header("Retry-After"), date, now);
    if (retry.odd && !odd_retry_after_told_) {
        odd_retry_after_told_ = true;
        log_.warn("ca_odd_retry_after",
                  "the CA sends a Retry-After that makes no sense; it is kept within 1 s and 24 h",
                  {{"directory", settings_.directory_url},
                   {"retry_after", response.header("Retry-After").substr(0, 100)}});
    }
    return retry.at;
}

// Neither body nor nonce nor signature: only what was asked and how it went.
void Courier::trace(Step step, const Result<http::Response>& result) const {
    if (!log_.enabled(LogLevel::debug)) return;
    log_.debug("acme_request",
               "asked the CA",
               {{"directory", settings_.directory_url},
                {"request", to_string(step)},
                {"status", result ? result->status : 0},
                {"error", result ? std::string() : result.error().message}});
}

}  // namespace mesh::acme
