#include "control/authority.hpp"

#include "base/time_text.hpp"
#include "control/back_off.hpp"
#include "control/order_words.hpp"
#include "control/rate_limit.hpp"

#include <algorithm>
#include <utility>

namespace mesh::control {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr std::size_t requests_max = 8;
/// A directory younger than this is not read again on a suspicion.
constexpr auto directory_fresh = minutes{1};
constexpr unsigned failures_before_own_fault = 3;

bool same_client(const model::CertResolver& a, const model::CertResolver& b) {
    return a.ca_server == b.ca_server && a.ca_certificates == b.ca_certificates &&
           a.ca_system_pool == b.ca_system_pool && a.client_timeout == b.client_timeout;
}

}  // namespace

Authority::Authority(std::string directory,
                     Surroundings around,
                     std::optional<store::AccountRecord> account,
                     std::optional<store::AuthorityRecord> stored)
    : url_(std::move(directory)),
      around_(around),
      account_(url_, std::move(account), around.gate, around.clock, around.log) {
    if (stored) stored_ = std::move(*stored);
    stored_.directory = url_;
    if (!stored_.retry_not_before) return;
    const WallTime now = around_.clock.now();
    const WallTime until = std::min(*stored_.retry_not_before, now + patience_max);
    if (until > now)
        pause(account_.is_stopped() ? Pause::stopped : Pause::limited,
              until,
              stored_.reason,
              false,
              !account_.is_stopped() || stored_.asked_until == stored_.retry_not_before);
}

std::vector<ItemId> Authority::use(const model::CertResolver& resolver,
                                   std::unique_ptr<acme::Client> client) {
    std::vector<ItemId> orphans;
    for (const auto& [id, epoch] : out_) orphans.push_back(id);
    out_.clear();
    ++epoch_;
    const bool first = client_ == nullptr;
    resolver_ = resolver;
    account_.drop_client();
    client_ = std::move(client);
    const bool registers_anew = account_.set_email(resolver.email) && !account_.ready();
    // What a person changed may be what was wrong; the CA's own patience goes on all the same.
    const bool theirs =
        pause_ == Pause::limited || (pause_asked_for_ && around_.clock.now() < pause_until_);
    const bool keeps_pause = mode_ == Mode::waiting && (first || theirs) &&
                             !(pause_ == Pause::stopped && registers_anew);
    if (!keeps_pause) {
        around_.heap.cancel(around_.key);
        mode_ = Mode::unknown;
        pause_ = Pause::none;
    }
    return orphans;
}

bool Authority::uses(const model::CertResolver& resolver) const {
    if (client_ == nullptr || !same_client(resolver_, resolver)) return false;
    return resolver_.email == resolver.email || account_.ready();
}

void Authority::wait_for_turn(const Urgency& urgency) {
    stop_waiting(urgency.id);
    waiting_[urgency.id] = urgency;
    (urgency.begins ? beginnings_ : steps_).insert(urgency);
    hurry_for(urgency.id);
    pump();
}

void Authority::stop_waiting(ItemId id) {
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) return;
    (found->second.begins ? beginnings_ : steps_).erase(found->second);
    waiting_.erase(found);
}

void Authority::give_back(ItemId id) {
    out_.erase(id);
    pump();
}

void Authority::abandon(ItemId id) {
    out_.erase(id);
}

void Authority::forget(ItemId id) {
    stop_waiting(id);
    troubles_.erase(id);
}

bool Authority::reread_directory() {
    if (around_.clock.steady_now() - directory_read_ < directory_fresh) return false;
    if (mode_ == Mode::trial || mode_ == Mode::up) mode_ = Mode::unknown;
    return true;
}

std::optional<Urgency> Authority::next_in_line() const {
    std::optional<Urgency> best;
    if (!steps_.empty()) best = *steps_.begin();
    if (!beginnings_.empty() && (!best || *beginnings_.begin() < *best) &&
        around_.user.may_begin(url_))
        best = *beginnings_.begin();
    return best;
}

void Authority::pump() {
    // What a turn leads to may end in another call of this: the loop below sees to it.
    if (pumping_) return;
    pumping_ = true;
    give_turns();
    pumping_ = false;
}

void Authority::give_turns() {
    while (client_ != nullptr && around_.user.may_ask() && mode_ != Mode::waiting) {
        const auto next = next_in_line();
        if (!next) return;
        if (mode_ == Mode::unknown) {
            probe();
            return;
        }
        const std::size_t width = mode_ == Mode::up ? requests_max : mode_ == Mode::trial ? 1 : 0;
        if (out_.size() >= width) return;
        stop_waiting(next->id);
        out_[next->id] = epoch_;
        around_.user.granted(next->id);
    }
}

void Authority::probe() {
    mode_ = Mode::probing;
    client_->forget();
    client_->directory([this](const acme::Outcome<acme::Directory>& answer) { probed(answer); });
}

void Authority::probed(const acme::Outcome<acme::Directory>& answer) {
    if (mode_ != Mode::probing) return;
    if (answer.has_error()) {
        go_away(answer.error());
        return;
    }
    directory_ = *answer;
    directory_read_ = around_.clock.steady_now();
    if (clock_is_wrong()) return;
    if (account_.ready()) {
        mode_ = Mode::trial;
        pump();
        return;
    }
    register_account();
}

void Authority::register_account() {
    mode_ = Mode::registering;
    if (directory_.external_account_required) {
        acme::Failure failure;
        failure.kind = acme::FailureClass::config;
        failure.message = "the CA wants an external account (eab), which resolver " +
                          resolver_.name + " does not have";
        stop(failure.message, failure, false);
        return;
    }
    account_.ensure(*client_, [this, epoch = epoch_](const std::optional<acme::Failure>& failure) {
        if (epoch == epoch_ && mode_ == Mode::registering) registration_answered(failure);
    });
}

void Authority::registration_answered(const std::optional<acme::Failure>& failure) {
    if (!failure) {
        mode_ = Mode::trial;
        pump();
        return;
    }
    switch (failure->kind) {
        case acme::FailureClass::unreachable:
        case acme::FailureClass::cancelled:
            go_away(*failure);
            return;
        case acme::FailureClass::rate_limited:
            limit(*failure);
            return;
        case acme::FailureClass::account_stopped:
            stop(words_of(*failure), *failure, true);
            return;
        default:
            stop(words_of(*failure), *failure, false);
    }
}

Authority::Verdict Authority::finished(ItemId id, const acme::Failure* failure, bool placing) {
    const auto found = out_.find(id);
    const bool current = found != out_.end() && found->second == epoch_;
    Verdict verdict = Verdict::certificate;
    if (failure != nullptr) {
        verdict = failed(id, *failure, placing, current);
    } else {
        if (current) {
            gone_in_a_row_ = 0;
            answers();
        }
        for (auto& [other, trouble] : troubles_) ++trouble.served_meanwhile;
    }
    out_.erase(id);
    pump();
    return verdict;
}

/// The CA answered a request of ours.
void Authority::answers() {
    if (clock_is_wrong()) return;
    limits_ = 0;
    stops_ = 0;
    if (mode_ != Mode::trial) return;
    mode_ = Mode::up;
    pause_ = Pause::none;
    up_since_ = around_.clock.steady_now();
    if (stored_.retry_not_before) store_pause(std::nullopt, {});
    account_.note_stopped({});
    stop_announced_.clear();
    if (!std::exchange(down_announced_, false)) return;
    around_.log.info("ca_up",
                     "the CA answers again; what waited goes on",
                     {{"directory", url_},
                      {"resolver", resolver_.name},
                      {"waiting", static_cast<std::uint64_t>(waiting_.size())}});
}

Authority::Verdict Authority::failed(ItemId id,
                                     const acme::Failure& failure,
                                     bool placing,
                                     bool current) {
    switch (failure.kind) {
        case acme::FailureClass::unreachable:
            if (fails_for_this_one_only(id)) return Verdict::certificate;
            if (current) go_away(failure);
            return Verdict::authority;
        case acme::FailureClass::cancelled:
            return Verdict::authority;
        case acme::FailureClass::rate_limited:
            if (!placing || limit_scope(failure) == LimitScope::certificate) break;
            if (current) limit(failure);
            return Verdict::authority;
        case acme::FailureClass::account_stopped:
            if (current) stop(words_of(failure), failure, true);
            return Verdict::authority;
        case acme::FailureClass::account_gone:
            if (current) account_is_gone(failure);
            return Verdict::authority;
        default:
            break;
    }
    if (current) answers();  // it pronounced on the certificate, so it is there
    return Verdict::certificate;
}

void Authority::account_is_gone(const acme::Failure& failure) {
    if (++gone_in_a_row_ > 1) {
        stop("the CA does not know the account it has just confirmed", failure, true);
        return;
    }
    around_.log.warn("account_gone",
                     "the CA does not know our account: registering its key again",
                     {{"directory", url_}, {"resolver", resolver_.name}});
    ++epoch_;
    account_.forget_registration();
    register_account();
}

/// The CA fails at one request again and again while it serves others: that is no CA that is away.
bool Authority::fails_for_this_one_only(ItemId id) {
    const SteadyTime now = around_.clock.steady_now();
    Trouble& trouble = troubles_[id];
    if (trouble.failures == 0 || now - trouble.since > hours{1}) trouble = {0, 0, now};
    ++trouble.failures;
    if (trouble.failures < failures_before_own_fault || trouble.served_meanwhile == 0) return false;
    troubles_.erase(id);
    return true;
}

void Authority::save(std::map<std::string, store::AccountRecord>& accounts,
                     std::map<std::string, store::AuthorityRecord>& authorities) const {
    if (!account_.record().key_pem.empty()) accounts[url_] = account_.record();
    authorities[url_] = stored_;
}

}  // namespace mesh::control
