#include "control/order_run.hpp"

#include "control/identity.hpp"
#include "control/order_row.hpp"
#include "control/order_words.hpp"

#include <algorithm>
#include <utility>

// The loop, and its turns, waits and commits. The requests are in order_requests.cpp, what follows
// from their answers in order_answers.cpp.
namespace mesh::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr milliseconds first_poll = seconds{1};
constexpr milliseconds slowest_poll = seconds{10};
/// An order the CA does not move for so long waits for its next slot, as a row.
constexpr auto patience = minutes{10};
/// More requests than this no order needs that comes to an end.
constexpr std::size_t requests_of_one_order = 500;
constexpr std::size_t requests_of_one_name = 100;

acme::OrderState fresh_order(std::vector<std::string> names, std::string profile) {
    acme::OrderState order;
    order.names = std::move(names);
    order.profile = std::move(profile);
    return order;
}

}  // namespace

OrderRun::OrderRun(Surroundings around, Subject subject, acme::OrderState order, WallTime created)
    : around_(around),
      subject_(std::move(subject)),
      order_(std::move(order)),
      committed_(order_),
      created_(created),
      presented_(order_.authorizations.size(), false) {
    subject_.urgency.begins = false;
}

std::shared_ptr<OrderRun> OrderRun::start(Surroundings around,
                                          Subject subject,
                                          const std::string& profile,
                                          store::Transition change,
                                          std::function<void()> begun) {
    auto order = fresh_order(texts(subject.names), profile);
    std::shared_ptr<OrderRun> run{
        new OrderRun(around, std::move(subject), std::move(order), around.clock.now())};
    change.push_back(store::PutOrder{run->row()});
    run->busy_ = true;
    run->has_turn_ = true;
    const std::weak_ptr<OrderRun> weak = run;
    around.gate.commit(
        std::move(change),
        [weak, begun = std::move(begun)](const store::Applied&) {
            const auto self = weak.lock();
            if (!self) return;
            begun();
            self->busy_ = false;
            self->advance();
        },
        run->on_late_commit(),
        run->on_refused_commit());
    return run;
}

Result<std::shared_ptr<OrderRun>> OrderRun::resume(Surroundings around,
                                                   Subject subject,
                                                   const store::OrderRecord& row) {
    auto order = from_row(row);
    if (!order) return order.error();
    return std::shared_ptr<OrderRun>{
        new OrderRun(around, std::move(subject), std::move(*order), row.created)};
}

OrderRun::~OrderRun() {
    around_.board.release_all(subject_.id);
    around_.authority.forget(subject_.id);
    if (has_turn_) around_.authority.abandon(subject_.id);
}

store::OrderRecord OrderRun::row() const {
    return to_row(subject_.key, committed_, created_);
}

void OrderRun::turn() {
    has_turn_ = true;
    if (over_ || busy_)
        return_turn();
    else
        advance();
}

void OrderRun::advance() {
    if (over_ || busy_) return;
    if (requests_ > requests_of_one_order + requests_of_one_name * order_.authorizations.size()) {
        fail(our_finding("circle", "the CA leads the order in a circle"));
        return;
    }
    if (!inquest_.empty()) {
        if (at_turn()) ask_for_cause(inquest_.back());
        return;
    }
    if (is_beyond_saving()) {
        begin_anew(our_failure(acme::FailureClass::order_gone,
                               "the order expired, or its key is not here any more"));
        return;
    }
    if (refusal_) {
        if (at_turn()) fetch_authorization(refusal_->index);
        return;
    }
    perform(acme::next_action(order_, presented_));
}

/// Nothing this order can still become is of use: it expired before its certificate was made, or
/// that is made for a key that was never ours.
bool OrderRun::is_beyond_saving() const {
    using acme::OrderStatus;
    const bool made =
        order_.status == OrderStatus::processing || order_.status == OrderStatus::valid;
    if (order_.url.empty() || order_.status == OrderStatus::invalid) return false;
    if (made) return order_.key_pem.empty();
    return order_.expires && *order_.expires <= around_.clock.now();
}

bool OrderRun::answers_the_ca() const {
    if (over_ || order_.status != acme::OrderStatus::pending) return true;
    for (std::size_t i = 0; i < order_.authorizations.size(); ++i) {
        const acme::AuthorizationState& one = order_.authorizations[i];
        const bool is_published = i < presented_.size() && presented_[i];
        if (one.responded && may_still_be_validated(one.status) && !is_published) return false;
    }
    return true;
}

void OrderRun::perform(const acme::Action& action) {
    struct Performer {
        OrderRun& run;
        void operator()(const acme::PlaceOrder&) const {
            if (run.may_begin() && run.at_turn()) run.place();
        }
        void operator()(const acme::FetchAuthorization& fetch) const {
            if (run.at_turn()) run.fetch_authorization(fetch.index);
        }
        void operator()(const acme::Present&) const { run.present(); }
        void operator()(const acme::Respond& respond) const {
            if (run.may_begin() && run.at_turn()) run.respond(respond.index);
        }
        void operator()(const acme::PollAuthorization& poll) const {
            if (run.poll_is_due() && run.at_turn()) run.fetch_authorization(poll.index);
        }
        void operator()(const acme::PollOrder&) const {
            if (run.poll_is_due() && run.at_turn()) run.fetch_order();
        }
        void operator()(const acme::MakeKey&) const { run.make_key(); }
        void operator()(const acme::Finalize&) const {
            if (run.at_turn()) run.finalize();
        }
        void operator()(const acme::Download&) const {
            if (run.poll_is_due() && run.at_turn()) run.download();
        }
        void operator()(const acme::GiveUp& reason) const { run.give_up(reason); }
    };
    std::visit(Performer{*this}, action);
}

void OrderRun::answer_lost() {
    has_turn_ = false;
    if (!std::exchange(asked_, false)) return;
    busy_ = false;
    advance();
}

// ---- turns and waits ----------------------------------------------------------------------------

/// What the CA does then, it does to whoever serves.
bool OrderRun::may_begin() {
    if (!around_.held) return true;
    return_turn();
    return false;
}

/// True with a turn in hand; else asks for one.
bool OrderRun::at_turn() {
    if (has_turn_) return true;
    around_.authority.wait_for_turn(subject_.urgency);
    return false;
}

void OrderRun::return_turn() {
    if (std::exchange(has_turn_, false)) around_.authority.give_back(subject_.id);
}

bool OrderRun::poll_is_due() {
    if (!not_before_) return true;
    const auto left = std::chrono::ceil<milliseconds>(*not_before_ - around_.clock.steady_now());
    if (left <= milliseconds{0}) return true;
    return_turn();
    around_.heap.set_after(subject_.id, left);
    return false;
}

void OrderRun::pause(std::optional<WallTime> retry_at) {
    if (!waiting_since_) waiting_since_ = around_.clock.steady_now();
    interval_ = interval_ == milliseconds{0} ? first_poll
                                             : std::min(interval_ + interval_ / 2, slowest_poll);
    milliseconds wait = interval_;
    if (subject_.longest_wait) wait = std::min(wait, *subject_.longest_wait);
    if (retry_at) wait = *retry_at - around_.clock.now();
    const SteadyTime until = around_.clock.steady_now() + wait;
    not_before_ = not_before_ ? std::max(*not_before_, until) : until;
}

/// The CA answered a poll and nothing had changed.
void OrderRun::unchanged(std::optional<WallTime> retry_at) {
    not_before_.reset();
    pause(retry_at);
    if (around_.clock.steady_now() - *waiting_since_ <= patience) {
        advance();
        return;
    }
    OrderFailure failure = our_finding(
        "timeout", "the CA has not moved the order for ten minutes; it goes on with it later");
    failure.keep_order = true;
    failure.retry_at = retry_at;
    fail(std::move(failure));
}

void OrderRun::progress() {
    not_before_.reset();
    waiting_since_.reset();
    interval_ = milliseconds{0};
}

/// Makes the order's state durable, then goes on. What did not change needs no commit.
void OrderRun::commit_then(void (OrderRun::*next)()) {
    // That a finalize did not arrive is not worth a commit: the row goes on saying "ask first".
    acme::OrderState cautious = order_;
    cautious.finalized = order_.finalized || committed_.finalized;
    if (same_row(cautious, committed_)) {
        (this->*next)();
        return;
    }
    busy_ = true;
    const std::weak_ptr<OrderRun> weak = weak_from_this();
    around_.gate.commit(
        {store::PutOrder{to_row(subject_.key, order_, created_)}},
        [weak, next, committing = order_](const store::Applied&) {
            const auto self = weak.lock();
            if (!self) return;
            self->committed_ = committing;
            self->busy_ = false;
            ((*self).*next)();
        },
        on_late_commit(),
        on_refused_commit());
}

/// The turn goes to others while the disk does not take the step.
StoreGate::Failed OrderRun::on_late_commit() {
    return [weak = weak_from_this()](const Error&) {
        if (const auto self = weak.lock()) self->return_turn();
    };
}

/// An order whose step cannot be remembered must not take it.
StoreGate::Failed OrderRun::on_refused_commit() {
    return [weak = weak_from_this()](const Error& error) {
        if (const auto self = weak.lock())
            self->fail(
                our_finding("store", "the order's state cannot be stored: " + error.message));
    };
}

// ---- ends and new beginnings --------------------------------------------------------------------

/// The CA does not know this order any more: the same names once more, as a new order.
void OrderRun::begin_anew(const acme::Failure& failure) {
    if (++begun_anew_ > 1) {
        fail(describe(failure));
        return;
    }
    around_.board.release_all(subject_.id);
    order_ = fresh_order(order_.names, order_.profile);
    presented_.clear();
    finalize_committed_ = false;
    refusal_.reset();
    cause_.reset();
    inquest_.clear();
    inquest_made_ = false;
    progress();
    commit_then(&OrderRun::advance);
}

void OrderRun::fail(OrderFailure failure) {
    if (std::exchange(over_, true)) return;
    return_turn();
    around_.board.release_all(subject_.id);
    around_.executor.post([weak = weak_from_this(), failure = std::move(failure)]() mutable {
        if (const auto self = weak.lock())
            self->around_.owner.order_failed(self->subject_.id, std::move(failure));
    });
}

}  // namespace mesh::control
