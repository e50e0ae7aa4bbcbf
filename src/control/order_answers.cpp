// What follows from the CA's answers.
#include "acme/printable.hpp"
#include "base/time_text.hpp"
#include "control/identity.hpp"
#include "control/order_row.hpp"
#include "control/order_run.hpp"
#include "control/order_words.hpp"
#include "tls/chain_root.hpp"

#include <algorithm>
#include <utility>

namespace mesh::control {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// A certificate whose life begins at most so far ahead is held until then: one of the two clocks
/// is wrong, and another order would not help.
constexpr milliseconds held_at_most = hours{24};
/// Counted failures after which a step that makes no sense costs the order.
constexpr std::uint32_t attempts_on_one_order = 2;
/// More chains than any CA has roots.
constexpr std::size_t alternates_max = 10;

}  // namespace

void OrderRun::order_answered(const acme::OrderResource& answer) {
    const bool finalizing = step_ == Step::finalize;
    acme::OrderState before = order_;
    acme::apply(order_, answer);
    follow_authorizations(before);
    before.expires = order_.expires;  // a CA that moves the end has not moved the order
    if (answer.error && !cause_) {
        cause_ = our_finding("order", answer.error->text());
        if (!answer.error->type.empty()) cause_->type = acme::printable(answer.error->type);
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
    if (refusal_ && refusal_->index == index) {
        settle_refusal();
        return;
    }
    if (same_row(before, order_)) {
        unchanged(answer.retry_at);
        return;
    }
    progress();
    commit_then(&OrderRun::advance);
}

/// The refused challenge's authorization was asked. One that is on its way, or decided, goes on as
/// if nothing had been refused; one that still waits to be told of ends the run, and the next one
/// tells the CA again.
void OrderRun::settle_refusal() {
    const acme::AuthorizationState& one = order_.authorizations[refusal_->index];
    if (one.status == acme::AuthorizationStatus::pending && !one.responded) {
        commit_then(&OrderRun::fail_as_refused);
        return;
    }
    refusal_.reset();
    progress();
    commit_then(&OrderRun::advance);
}

void OrderRun::fail_as_refused() {
    fail(std::move(refusal_->failure));
}

void OrderRun::note_cause(std::size_t index, const acme::AuthorizationResource& answer) {
    if (cause_) return;
    const std::string name = order_.authorizations[index].name + ": ";
    if (answer.error) {
        cause_ = our_finding("authorization", name + answer.error->text());
        if (!answer.error->type.empty()) cause_->type = acme::printable(answer.error->type);
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
    const auto chosen = choose_chain(answer);
    if (chosen)
        take_chain(*chosen);
    else
        advance();
}

/// A CA may offer chains that end in other roots (RFC 8555 §7.4.2). Nothing: another one is to be
/// looked at first. Without a match the one that came first is taken.
std::optional<std::string> OrderRun::choose_chain(const acme::DownloadedChain& answer) {
    const std::string& preferred = subject_.preferred_chain;
    if (preferred.empty()) return answer.pem;
    if (!chain_choice_) {
        std::vector<std::string> others = answer.alternates;
        others.resize(std::min(others.size(), alternates_max));
        chain_choice_ = ChainChoice{answer.pem, std::move(others)};
    }
    const auto chain = tls::CertificateChain::from_pem(answer.pem);
    if (chain && tls::root_name(*chain) == preferred) {
        chain_choice_.reset();
        return answer.pem;
    }
    if (chain_choice_->asked < chain_choice_->alternates.size()) return std::nullopt;
    around_.log.warn("preferred_chain_missing",
                     "the CA offers no chain that ends in the preferred root; its first one is "
                     "taken",
                     {{"names", names_text(order_.names)}, {"preferred", preferred}});
    return std::exchange(chain_choice_, std::nullopt)->offered;
}

void OrderRun::take_chain(std::string_view pem) {
    const WallTime now = around_.clock.now();
    auto chain = tls::CertificateChain::from_pem(pem);
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
    if (chain_choice_ && step_ == Step::download) {
        // The certificate is here; only the other chains for it are not.
        take_chain(std::exchange(chain_choice_, std::nullopt)->offered);
        return;
    }
    const bool asked_to_wait = failure.kind == FailureClass::rate_limited;
    if (!inquest_.empty() && !asked_to_wait) {
        // The order has failed already; only the reason stays unknown.
        inquest_.clear();
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
    if (step_ == Step::respond && !asked_to_wait) {
        // It may have been told already, or validated it long ago: the authorization tells.
        refusal_ = Refusal{step_index_, judge(failure)};
        advance();
        return;
    }
    fail(judge(failure));
}

/// What a failure of the last request means for the order and its certificate.
OrderFailure OrderRun::judge(const acme::Failure& failure) const {
    using acme::FailureClass;
    OrderFailure result = describe(failure);
    const bool has_order = step_ != Step::place;
    if (failure.kind == FailureClass::rate_limited) {
        result.keep_order = has_order;
        result.counted = !has_order || !failure.retry_at;
    } else {
        // A CA that fails at this order alone has said nothing about it.
        const bool says_nothing = failure.kind == FailureClass::unreachable;
        const bool pronounced = step_ == Step::finalize;
        const bool fresh = subject_.urgency.attempts < attempts_on_one_order;
        result.keep_order = has_order && (says_nothing || (!pronounced && fresh));
    }
    return result;
}

/// It said `ready` and does not stand by it: asked again, after a pause each time.
void OrderRun::not_ready(const acme::Failure& failure) {
    order_.finalized = false;
    order_.status = acme::OrderStatus::pending;
    pause(failure.retry_at);
    commit_then(&OrderRun::advance);
}

}  // namespace mesh::control
