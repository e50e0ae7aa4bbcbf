#include "control/order_run.hpp"

#include "base/time_text.hpp"
#include "control/identity.hpp"
#include "control/order_row.hpp"

#include <algorithm>
#include <utility>

namespace mesh::control {
namespace {

using acme::AuthorizationStatus;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr milliseconds first_poll = seconds{1};
constexpr milliseconds slowest_poll = seconds{10};
/// An order the CA does not move for so long waits for its next slot, as a row.
constexpr auto patience = minutes{10};
/// A certificate whose life begins at most so far ahead is held until then: one of the two clocks
/// is wrong, and another order would not help.
constexpr milliseconds held_at_most = hours{24};
/// Counted failures after which a step that makes no sense costs the order.
constexpr std::uint32_t attempts_on_one_order = 2;

bool may_still_be_validated(AuthorizationStatus status) {
    return status == AuthorizationStatus::pending || status == AuthorizationStatus::unknown;
}

std::string_view type_of(acme::FailureClass kind) {
    switch (kind) {
        case acme::FailureClass::unreachable:
            return "mesh:unreachable";
        case acme::FailureClass::rate_limited:
            return "mesh:rateLimited";
        case acme::FailureClass::order_gone:
            return "mesh:orderGone";
        default:
            return "mesh:protocol";
    }
}

OrderFailure describe(const acme::Failure& failure) {
    OrderFailure result;
    const bool has_type = failure.problem && !failure.problem->type.empty();
    result.type = has_type ? failure.problem->type : std::string(type_of(failure.kind));
    result.detail = has_type ? failure.problem->text() : failure.message;
    result.retry_at = failure.retry_at;
    return result;
}

acme::Failure our_failure(acme::FailureClass kind, std::string message) {
    acme::Failure failure;
    failure.kind = kind;
    failure.message = std::move(message);
    return failure;
}

OrderFailure our_finding(std::string type, std::string detail) {
    OrderFailure result;
    result.type = "mesh:" + std::move(type);
    result.detail = std::move(detail);
    return result;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text.empty() ? "none" : text;
}

acme::OrderState fresh_order(std::vector<std::string> names, std::string profile) {
    acme::OrderState order;
    order.names = std::move(names);
    order.profile = std::move(profile);
    return order;
}

Result<std::vector<HostPattern>> patterns(const std::vector<std::string>& names) {
    std::vector<HostPattern> result;
    result.reserve(names.size());
    for (const std::string& name : names) {
        auto pattern = HostPattern::parse(name);
        if (!pattern) return pattern.error();
        result.push_back(std::move(*pattern));
    }
    return result;
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
                                          store::Transition change) {
    auto order = fresh_order(texts(subject.names), profile);
    const std::shared_ptr<OrderRun> run{
        new OrderRun(around, std::move(subject), std::move(order), around.clock.now())};
    change.push_back(store::PutOrder{run->row()});
    run->busy_ = true;
    run->has_turn_ = true;
    const std::weak_ptr<OrderRun> weak = run;
    around.gate.commit(
        std::move(change),
        [weak](const store::Applied&) {
            const auto self = weak.lock();
            if (!self) return;
            self->busy_ = false;
            self->advance();
        },
        [weak](const Error&) {
            if (const auto self = weak.lock()) self->return_turn();
        });
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
    if (!inquest_.empty()) {
        if (at_turn()) {
            const std::size_t index = inquest_.back();
            around_.authority.client().fetch_authorization(
                around_.authority.account(),
                order_.authorizations[index].url,
                expect<acme::AuthorizationResource>(
                    Step::authorization, index, [index](OrderRun& self, const auto& answer) {
                        self.cause_answered(index, answer);
                    }));
        }
        return;
    }
    if (is_beyond_saving()) {
        begin_anew(our_failure(acme::FailureClass::order_gone,
                               "the order expired, or its key is not here any more"));
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

void OrderRun::perform(const acme::Action& action) {
    struct Performer {
        OrderRun& run;
        void operator()(const acme::PlaceOrder&) const {
            if (run.at_turn()) run.place();
        }
        void operator()(const acme::FetchAuthorization& fetch) const {
            if (run.at_turn()) run.fetch_authorization(fetch.index);
        }
        void operator()(const acme::Present&) const { run.present(); }
        void operator()(const acme::Respond& respond) const {
            if (run.at_turn()) run.respond(respond.index);
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
        [weak](const Error&) {
            if (const auto self = weak.lock()) self->return_turn();
        });
}

/// What to do with an answer: the turn ends, then the answer is folded in.
template <class T, class Fold>
acme::Handler<T> OrderRun::expect(Step step, std::size_t index, Fold fold) {
    step_ = step;
    step_index_ = index;
    busy_ = true;
    asked_ = true;
    return [weak = weak_from_this(), fold](acme::Outcome<T> outcome) {
        const auto self = weak.lock();
        if (!self) return;
        self->busy_ = false;
        self->asked_ = false;
        self->has_turn_ = false;
        Authority& authority = self->around_.authority;
        const bool placing = self->step_ == Step::place;
        if (outcome.has_error()) {
            const acme::Failure failure = outcome.error();
            self->request_failed(failure, authority.finished(self->subject_.id, &failure, placing));
        } else {
            (void)authority.finished(self->subject_.id, nullptr, placing);
            fold(*self, *outcome);
        }
    };
}

// ---- requests -----------------------------------------------------------------------------------

void OrderRun::place() {
    const std::vector<std::string>& offered = around_.authority.directory().profiles;
    if (!order_.profile.empty() &&
        std::find(offered.begin(), offered.end(), order_.profile) == offered.end()) {
        if (around_.authority.reread_directory()) {
            return_turn();
            (void)at_turn();
            return;
        }
        fail(our_finding(
            "profile",
            "the CA offers no profile \"" + order_.profile + "\"; it offers: " + joined(offered)));
        return;
    }
    auto names = patterns(order_.names);
    if (!names) {
        fail(our_finding("names", names.error().message));
        return;
    }
    around_.authority.client().new_order(
        around_.authority.account(),
        *names,
        order_.profile,
        expect<acme::OrderResource>(Step::place, 0, [](OrderRun& self, const auto& answer) {
            self.order_answered(answer);
        }));
}

void OrderRun::fetch_authorization(std::size_t index) {
    around_.authority.client().fetch_authorization(
        around_.authority.account(),
        order_.authorizations[index].url,
        expect<acme::AuthorizationResource>(
            Step::authorization, index, [index](OrderRun& self, const auto& answer) {
                self.authorization_answered(index, answer);
            }));
}

void OrderRun::respond(std::size_t index) {
    around_.authority.client().respond(
        around_.authority.account(),
        order_.authorizations[index].challenge_url,
        expect<std::optional<WallTime>>(
            Step::respond, index, [index](OrderRun& self, std::optional<WallTime> retry_at) {
                self.responded(index, retry_at);
            }));
}

void OrderRun::fetch_order() {
    around_.authority.client().fetch_order(
        around_.authority.account(),
        order_.url,
        expect<acme::OrderResource>(Step::order, 0, [](OrderRun& self, const auto& answer) {
            self.order_answered(answer);
        }));
}

/// That finalize was sent is on disk before it is: whoever goes on asks the CA first.
void OrderRun::finalize() {
    if (finalize_committed_) {
        send_finalize();
        return;
    }
    order_.finalized = true;
    finalize_committed_ = true;
    commit_then(&OrderRun::send_finalize);
}

void OrderRun::send_finalize() {
    if (!at_turn()) {
        order_.finalized = false;  // not sent yet; next_action comes back here
        return;
    }
    finalize_committed_ = false;
    order_.finalized = true;
    const auto key = tls::PrivateKey::from_pem(order_.key_pem.reveal());
    const auto names = patterns(order_.names);
    const Result<Bytes> csr = key && names ? tls::make_csr(*key, *names)
                                           : Result<Bytes>{key ? names.error() : key.error()};
    if (!csr) {
        fail(our_finding("request", csr.error().message));
        return;
    }
    around_.authority.client().finalize(
        around_.authority.account(),
        order_.finalize_url,
        *csr,
        expect<acme::OrderResource>(Step::finalize, 0, [](OrderRun& self, const auto& answer) {
            self.order_answered(answer);
        }));
}

void OrderRun::download() {
    around_.authority.client().download(
        around_.authority.account(),
        order_.certificate_url,
        expect<acme::DownloadedChain>(Step::download, 0, [](OrderRun& self, const auto& answer) {
            self.downloaded(answer);
        }));
}

// ---- what needs no request ----------------------------------------------------------------------

void OrderRun::present() {
    return_turn();
    std::vector<std::size_t> indices;
    std::vector<Hostname> names;
    for (std::size_t i = 0; i < order_.authorizations.size(); ++i) {
        const acme::AuthorizationState& authorization = order_.authorizations[i];
        if (presented_[i] || !may_still_be_validated(authorization.status)) continue;
        auto name = Hostname::parse(authorization.name);
        if (!name) {
            fail(our_finding("answer",
                             "the CA asks for a proof of the name " + authorization.name + ": " +
                                 name.error().message));
            return;
        }
        indices.push_back(i);
        names.push_back(std::move(*name));
    }
    if (!around_.board.take(subject_.id, names)) return;

    busy_ = true;
    const auto missing = std::make_shared<std::size_t>(indices.size());
    for (const std::size_t index : indices) {
        publish(index, missing);
        if (over_) return;
    }
}

void OrderRun::publish(std::size_t index, const std::shared_ptr<std::size_t>& missing) {
    const acme::AuthorizationState& authorization = order_.authorizations[index];
    const Hostname name = Hostname::parse(authorization.name).value();
    const auto proof =
        acme::key_authorization(authorization.token, around_.authority.account().key);
    const auto credential = proof
                                ? tls::make_challenge_credential(name, *proof, around_.clock.now())
                                : Result<certs::CredentialPtr>{proof.error()};
    if (!credential) {
        fail(our_finding("challenge", credential.error().message));
        return;
    }
    around_.board.publish(
        subject_.id, name, *credential, [weak = weak_from_this(), index, missing] {
            const auto self = weak.lock();
            if (!self || self->over_) return;
            self->presented_[index] = true;
            if (--*missing > 0) return;
            self->busy_ = false;
            self->advance();
        });
}

void OrderRun::withdraw_finished_challenges() {
    for (std::size_t i = 0; i < order_.authorizations.size(); ++i) {
        const acme::AuthorizationState& authorization = order_.authorizations[i];
        if (!presented_[i] || may_still_be_validated(authorization.status)) continue;
        if (const auto name = Hostname::parse(authorization.name))
            around_.board.release(subject_.id, *name);
    }
}

void OrderRun::make_key() {
    return_turn();
    busy_ = true;
    around_.keys.make(subject_.key_type,
                      [weak = weak_from_this()](const Result<tls::PrivateKey>& key) {
                          const auto self = weak.lock();
                          if (!self || self->over_) return;
                          self->busy_ = false;
                          if (!key) {
                              self->fail(our_finding("key", key.error().message));
                              return;
                          }
                          self->order_.key_pem = key->to_pem();
                          self->commit_then(&OrderRun::advance);
                      });
}

void OrderRun::give_up(const acme::GiveUp& reason) {
    return_turn();
    if (!cause_ && !std::exchange(inquest_made_, true)) {
        for (std::size_t i = order_.authorizations.size(); i-- > 0;)
            if (order_.authorizations[i].status != AuthorizationStatus::valid)
                inquest_.push_back(i);
        if (!inquest_.empty()) {
            advance();
            return;
        }
    }
    if (cause_) {
        fail(*cause_);
        return;
    }
    const bool named = reason.index < order_.authorizations.size();
    const std::string name = named ? order_.authorizations[reason.index].name + ": " : "";
    fail(our_finding("order", name + reason.reason));
}

// ---- answers ------------------------------------------------------------------------------------

void OrderRun::order_answered(const acme::OrderResource& answer) {
    const bool finalizing = step_ == Step::finalize;
    acme::OrderState before = order_;
    acme::apply(order_, answer);
    follow_authorizations(before);
    before.expires = order_.expires;  // a CA that moves the end has not moved the order
    if (answer.error && !cause_) {
        cause_ = our_finding("order", answer.error->text());
        if (!answer.error->type.empty()) cause_->type = answer.error->type;
    }
    const bool asked_before = step_ == Step::order || finalizing;
    if (asked_before && same_row(before, order_)) {
        unchanged(answer.retry_at);
        return;
    }
    progress();
    const bool waits = order_.status == acme::OrderStatus::processing ||
                       order_.status == acme::OrderStatus::unknown;
    if (waits) pause(answer.retry_at);
    commit_then(&OrderRun::advance);
}

/// Positions may have moved if the CA listed an authorization that was not there before.
void OrderRun::follow_authorizations(const acme::OrderState& before) {
    std::vector<bool> presented(order_.authorizations.size(), false);
    for (std::size_t i = 0; i < presented.size(); ++i)
        for (std::size_t j = 0; j < before.authorizations.size() && j < presented_.size(); ++j)
            if (before.authorizations[j].url == order_.authorizations[i].url)
                presented[i] = presented_[j];
    presented_ = std::move(presented);
}

void OrderRun::authorization_answered(std::size_t index,
                                      const acme::AuthorizationResource& answer) {
    const acme::OrderState before = order_;
    acme::apply(order_, index, answer);
    note_cause(index, answer);
    withdraw_finished_challenges();
    if (same_row(before, order_)) {
        unchanged(answer.retry_at);
        return;
    }
    progress();
    commit_then(&OrderRun::advance);
}

void OrderRun::note_cause(std::size_t index, const acme::AuthorizationResource& answer) {
    if (cause_) return;
    const std::string name = order_.authorizations[index].name + ": ";
    if (answer.error) {
        cause_ = our_finding("authorization", name + answer.error->text());
        if (!answer.error->type.empty()) cause_->type = answer.error->type;
    } else if (may_still_be_validated(answer.status) && !answer.challenge_url) {
        cause_ = our_finding("challenge",
                             name +
                                 "the CA offers no tls-alpn-01 challenge, which is the one this "
                                 "resolver has; it offers: " +
                                 joined(answer.offered_types));
    }
}

void OrderRun::cause_answered(std::size_t index, const acme::AuthorizationResource& answer) {
    note_cause(index, answer);
    inquest_.pop_back();
    if (cause_) inquest_.clear();
    advance();
}

void OrderRun::responded(std::size_t index, std::optional<WallTime> retry_at) {
    order_.authorizations[index].responded = true;
    interval_ = milliseconds{0};
    pause(retry_at);
    commit_then(&OrderRun::advance);
}

void OrderRun::downloaded(const acme::DownloadedChain& answer) {
    const WallTime now = around_.clock.now();
    auto chain = tls::CertificateChain::from_pem(answer.pem);
    if (!chain) {
        OrderFailure failure =
            our_finding("answer", "the downloaded certificate: " + chain.error().message);
        failure.keep_order = subject_.urgency.attempts < attempts_on_one_order;
        fail(std::move(failure));
        return;
    }
    auto key = tls::PrivateKey::from_pem(order_.key_pem.reveal());
    auto names = patterns(order_.names);
    auto credential = key ? tls::Credential::make(std::move(*chain), std::move(*key))
                          : Result<std::shared_ptr<const tls::Credential>>{key.error()};
    if (!credential || !names) {
        fail(our_finding("unproven",
                         credential ? names.error().message : credential.error().message));
        return;
    }
    const WallTime begins = (*credential)->facts().not_before;
    const bool held = begins > now && begins - now <= held_at_most;
    const Status proof = tls::prove(**credential, *names, held ? begins : now);
    if (!proof) {
        fail(our_finding("unproven", proof.error().message));
        return;
    }
    if (held) {
        around_.log.warn("certificate_held",
                         "the certificate's life has not begun: held until then",
                         {{"names", names_text(order_.names)}, {"not_before", rfc3339(begins)}});
        not_before_ = around_.clock.steady_now() + (begins - now) + seconds{1};
        advance();
        return;
    }
    over_ = true;
    around_.board.release_all(subject_.id);
    Issued issued{(*credential)->chain().to_pem(), order_.key_pem, order_.profile, *credential};
    around_.executor.post([weak = weak_from_this(), issued = std::move(issued)]() mutable {
        if (const auto self = weak.lock())
            self->around_.owner.order_issued(self->subject_.id, std::move(issued));
    });
}

void OrderRun::request_failed(const acme::Failure& failure, Authority::Verdict verdict) {
    using acme::FailureClass;
    if (verdict == Authority::Verdict::authority) {
        advance();
        return;
    }
    if (failure.kind == FailureClass::order_gone && step_ != Step::place) {
        begin_anew(failure);
        return;
    }
    if (failure.kind == FailureClass::order_not_ready) {
        not_ready(failure);
        return;
    }
    const bool asked_to_wait = failure.kind == FailureClass::rate_limited;
    if (step_ == Step::respond && !asked_to_wait) {
        // It may have been told already, or validated it long ago: the authorization tells.
        responded(step_index_, failure.retry_at);
        return;
    }
    if (!inquest_.empty() && !asked_to_wait) {
        inquest_.clear();
        advance();
        return;
    }
    OrderFailure result = describe(failure);
    const bool has_order = step_ != Step::place;
    if (asked_to_wait) {
        result.keep_order = has_order;
        result.counted = !has_order || !failure.retry_at;
    } else {
        // A CA that fails at this order alone has said nothing about it.
        const bool says_nothing = failure.kind == FailureClass::unreachable;
        const bool pronounced = step_ == Step::finalize;
        const bool fresh = subject_.urgency.attempts < attempts_on_one_order;
        result.keep_order = has_order && (says_nothing || (!pronounced && fresh));
    }
    fail(std::move(result));
}

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
    cause_.reset();
    inquest_.clear();
    inquest_made_ = false;
    progress();
    commit_then(&OrderRun::advance);
}

void OrderRun::not_ready(const acme::Failure& failure) {
    order_.finalized = false;
    order_.status = acme::OrderStatus::pending;
    commit_then(&OrderRun::advance);
    (void)failure;
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
