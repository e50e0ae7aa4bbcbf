// What an order asks of the CA, and what it does between two requests.
#include "control/order_run.hpp"
#include "control/order_words.hpp"

#include <algorithm>
#include <utility>

namespace mesh::control {

using acme::AuthorizationStatus;

/// What to do with an answer: the turn ends, then the answer is folded in.
template <class T, class Fold>
acme::Handler<T> OrderRun::expect(Step step, std::size_t index, Fold fold) {
    step_ = step;
    step_index_ = index;
    busy_ = true;
    asked_ = true;
    ++requests_;
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

void OrderRun::ask_for_cause(std::size_t index) {
    around_.authority.client().fetch_authorization(
        around_.authority.account(),
        order_.authorizations[index].url,
        expect<acme::AuthorizationResource>(
            Step::authorization, index, [index](OrderRun& self, const auto& answer) {
                self.cause_answered(index, answer);
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
    const bool another = chain_choice_ && chain_choice_->asked < chain_choice_->alternates.size();
    around_.authority.client().download(
        around_.authority.account(),
        another ? chain_choice_->alternates[chain_choice_->asked++] : order_.certificate_url,
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

}  // namespace mesh::control
