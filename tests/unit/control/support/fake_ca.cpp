#include "unit/control/support/fake_ca.hpp"

#include "support/catch.hpp"

#include <algorithm>

namespace mesh::control::test {

using acme::AuthorizationStatus;
using acme::OrderStatus;

acme::Failure a_failure(acme::FailureClass kind,
                        const std::string& type,
                        const std::string& detail) {
    acme::Failure failure;
    failure.kind = kind;
    failure.message = detail.empty() ? "it failed" : detail;
    if (!type.empty()) {
        acme::Problem problem;
        problem.type = "urn:ietf:params:acme:error:" + type;
        problem.detail = detail;
        failure.problem = problem;
    }
    return failure;
}

namespace {

std::string tail(const std::string& url) {
    return url.substr(0, url.find('#'));
}

}  // namespace

/// Speaks to the FakeCa. Requests that are out when it is destroyed get no answer.
class FakeClient final : public acme::Client {
 public:
    explicit FakeClient(FakeCa& ca) : ca_(ca) {}
    ~FakeClient() override { ca_.in_flight -= out_; }

    void directory(acme::Handler<acme::Directory> done) override {
        ask(std::move(done), [this] { return ca_.directory(); });
    }
    void new_account(const tls::PrivateKey& key,
                     const std::string&,
                     acme::Handler<acme::AccountResource> done) override {
        ask(std::move(done), [this, key] { return ca_.new_account(key); });
    }
    void new_order(const acme::Account& account,
                   const std::vector<HostPattern>& names,
                   const std::string& profile,
                   acme::Handler<acme::OrderResource> done) override {
        std::vector<std::string> texts;
        for (const HostPattern& name : names) texts.push_back(name.text());
        ask(std::move(done),
            [this, account, texts, profile] { return ca_.place(account, texts, profile); });
    }
    void fetch_order(const acme::Account& account,
                     const std::string& url,
                     acme::Handler<acme::OrderResource> done) override {
        ask(std::move(done), [this, account, url] { return ca_.poll_order(account, url); });
    }
    void fetch_authorization(const acme::Account& account,
                             const std::string& url,
                             acme::Handler<acme::AuthorizationResource> done) override {
        ask(std::move(done), [this, account, url] { return ca_.poll_authorization(account, url); });
    }
    void respond(const acme::Account& account,
                 const std::string& url,
                 acme::Handler<std::optional<WallTime>> done) override {
        ask(std::move(done), [this, account, url] { return ca_.respond(account, url); });
    }
    void finalize(const acme::Account& account,
                  const std::string& url,
                  const Bytes& csr,
                  acme::Handler<acme::OrderResource> done) override {
        ask(std::move(done), [this, account, url, csr] { return ca_.finalize(account, url, csr); });
    }
    void download(const acme::Account& account,
                  const std::string& url,
                  acme::Handler<acme::DownloadedChain> done) override {
        ask(std::move(done), [this, account, url] { return ca_.download(account, url); });
    }
    [[nodiscard]] std::optional<std::chrono::milliseconds> clock_offset() const override {
        return answered_ ? ca_.clock_offset : std::nullopt;
    }
    [[nodiscard]] std::string terms_of_service() const override { return "https://ca.test/terms"; }
    void forget() override {}

 private:
    template <class Done, class Answer>
    void ask(Done done, Answer answer) {
        ++out_;
        ++ca_.in_flight;
        ca_.in_flight_max = std::max(ca_.in_flight_max, ca_.in_flight);
        // The CA acts half-way there; its answer needs as long to come back.
        ca_.executor_.post_after(
            ca_.latency, [this, alive = std::weak_ptr<int>(alive_), done, answer] {
                if (alive.expired()) return;
                auto outcome = answer();
                ca_.executor_.post_after(ca_.latency, [this, alive, done, outcome] {
                    if (alive.expired()) return;
                    --out_;
                    --ca_.in_flight;
                    if (!ca_.down) answered_ = true;
                    done(outcome);
                });
            });
    }

    FakeCa& ca_;
    std::size_t out_ = 0;
    bool answered_ = false;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

std::unique_ptr<acme::Client> FakeCa::make_client() {
    return std::make_unique<FakeClient>(*this);
}

void FakeCa::restart() {
    accounts_.clear();
    orders_.clear();
    authorizations_.clear();
}

std::optional<acme::Failure> FakeCa::trouble(Step step,
                                             const std::vector<std::string>& names,
                                             const acme::Account* account) {
    ++asked[step];
    if (down) return a_failure(acme::FailureClass::unreachable, {}, "connection refused");
    if (refuse)
        if (auto failure = refuse(step, names)) return failure;
    if (account == nullptr) return std::nullopt;
    const bool known = std::any_of(accounts_.begin(), accounts_.end(), [&](const auto& entry) {
        return entry.second == account->url;
    });
    if (known) return std::nullopt;
    return a_failure(acme::FailureClass::account_gone, "accountDoesNotExist", "no such account");
}

std::optional<WallTime> FakeCa::retry_at() const {
    if (!retry_after) return std::nullopt;
    return clock_.now() + *retry_after;
}

acme::Outcome<acme::Directory> FakeCa::directory() {
    if (auto failure = trouble(Step::directory, {}, nullptr)) return *failure;
    acme::Directory result;
    result.new_order = "https://ca.test/order";
    result.new_account = "https://ca.test/account";
    result.new_nonce = "https://ca.test/nonce";
    result.profiles = profiles;
    result.external_account_required = external_account_required;
    return result;
}

acme::Outcome<acme::AccountResource> FakeCa::new_account(const tls::PrivateKey& key) {
    if (auto failure = trouble(Step::account, {}, nullptr)) return *failure;
    const std::string jwk = key.public_jwk().value();
    account_keys.insert(jwk);
    const auto [account, made] =
        accounts_.try_emplace(jwk, "https://ca.test/account/" + std::to_string(next_));
    if (made) ++accounts_made;
    ++next_;
    return acme::AccountResource{account->second, "valid"};
}

acme::Outcome<acme::OrderResource> FakeCa::place(const acme::Account& account,
                                                 const std::vector<std::string>& names,
                                                 const std::string& profile) {
    if (auto failure = trouble(Step::place, names, &account)) return *failure;
    const std::string url = "https://ca.test/order/" + std::to_string(next_++);
    Order& order = orders_[url];
    order.names = names;
    order.profile = profile;
    order.account = account.url;
    order.expires = clock_.now() + std::chrono::days{7};
    for (const std::string& name : names) {
        const std::string authorization = "https://ca.test/authz/" + std::to_string(next_++);
        authorizations_[authorization] = {name, url, AuthorizationStatus::pending, false, 0, {}};
        order.authorizations.push_back(authorization);
    }
    ++orders_made;
    placed.push_back(names.front());
    return show(url);
}

void FakeCa::update(Order& order) {
    if (order.status != OrderStatus::pending) return;
    bool all_valid = true;
    for (const std::string& url : order.authorizations) {
        const Authorization& authorization = authorizations_.at(url);
        if (authorization.status == AuthorizationStatus::invalid) {
            order.status = OrderStatus::invalid;
            return;
        }
        all_valid = all_valid && authorization.status == AuthorizationStatus::valid;
    }
    if (all_valid) order.status = OrderStatus::ready;
}

acme::OrderResource FakeCa::show(const std::string& url) {
    Order& order = orders_.at(url);
    update(order);
    acme::OrderResource result;
    result.url = url;
    result.status = order.status;
    result.authorizations = order.authorizations;
    result.finalize = url + "#finalize";
    result.expires = order.expires;
    if (order.status == OrderStatus::valid) result.certificate = url + "#certificate";
    if (order.status == OrderStatus::processing || order.status == OrderStatus::pending)
        result.retry_at = retry_at();
    return result;
}

acme::Outcome<acme::OrderResource> FakeCa::poll_order(const acme::Account& account,
                                                      const std::string& url) {
    const auto found = orders_.find(url);
    const auto names = found == orders_.end() ? std::vector<std::string>{} : found->second.names;
    if (auto failure = trouble(Step::order, names, &account)) return *failure;
    if (found == orders_.end()) return a_failure(acme::FailureClass::order_gone);
    Order& order = found->second;
    if (order.status == OrderStatus::processing && ++order.polls > polls_until_issued)
        order.status = OrderStatus::valid;
    return show(url);
}

acme::AuthorizationResource FakeCa::show_authorization(const std::string& url) {
    const Authorization& authorization = authorizations_.at(url);
    acme::AuthorizationResource result;
    result.identifier = authorization.name;
    result.status = authorization.status;
    result.offered_types = {"http-01", "dns-01"};
    if (offers_challenge) {
        result.challenge_url = url + "#challenge";
        result.token = "token-" + url.substr(url.rfind('/') + 1);
        result.offered_types.emplace_back("tls-alpn-01");
    }
    result.challenge_status =
        authorization.told ? acme::ChallengeStatus::processing : acme::ChallengeStatus::pending;
    result.error = authorization.problem;
    if (authorization.status == AuthorizationStatus::pending) result.retry_at = retry_at();
    return result;
}

acme::Outcome<acme::AuthorizationResource> FakeCa::poll_authorization(const acme::Account& account,
                                                                      const std::string& url) {
    const auto found = authorizations_.find(url);
    const auto names = found == authorizations_.end()
                           ? std::vector<std::string>{}
                           : std::vector<std::string>{found->second.name};
    if (auto failure = trouble(Step::authorization, names, &account)) return *failure;
    if (found == authorizations_.end()) return a_failure(acme::FailureClass::order_gone);
    Authorization& authorization = found->second;
    const bool validates = authorization.told &&
                           authorization.status == AuthorizationStatus::pending &&
                           ++authorization.polls > polls_until_valid;
    if (validates) {
        auto problem = fails_validation ? fails_validation(authorization.name) : std::nullopt;
        if (!problem && !publisher_->challenges.contains(authorization.name)) {
            problem = acme::Problem{};
            problem->type = "urn:ietf:params:acme:error:unauthorized";
            problem->detail = "no challenge certificate was served";
        }
        authorization.status = problem ? AuthorizationStatus::invalid : AuthorizationStatus::valid;
        authorization.problem = problem;
    }
    return show_authorization(url);
}

acme::Outcome<std::optional<WallTime>> FakeCa::respond(const acme::Account& account,
                                                       const std::string& challenge) {
    const std::string url = tail(challenge);
    const auto found = authorizations_.find(url);
    const auto names = found == authorizations_.end()
                           ? std::vector<std::string>{}
                           : std::vector<std::string>{found->second.name};
    if (auto failure = trouble(Step::respond, names, &account)) {
        if (hears_what_it_refuses && found != authorizations_.end()) found->second.told = true;
        return *failure;
    }
    if (found == authorizations_.end()) return a_failure(acme::FailureClass::order_gone);
    for (const std::string& sibling : orders_.at(found->second.order).authorizations) {
        const Authorization& other = authorizations_.at(sibling);
        if (other.status == AuthorizationStatus::pending &&
            !publisher_->challenges.contains(other.name))
            told_too_early.push_back(other.name);
    }
    found->second.told = true;
    return retry_at();
}

acme::Outcome<acme::OrderResource> FakeCa::finalize(const acme::Account& account,
                                                    const std::string& finalize_url,
                                                    const Bytes& csr) {
    const std::string url = tail(finalize_url);
    const auto found = orders_.find(url);
    const auto names = found == orders_.end() ? std::vector<std::string>{} : found->second.names;
    if (auto failure = trouble(Step::finalize, names, &account)) return *failure;
    if (found == orders_.end()) return a_failure(acme::FailureClass::order_gone);
    Order& order = found->second;
    update(order);
    if (order.status == OrderStatus::pending)
        return a_failure(acme::FailureClass::order_not_ready, "orderNotReady", "not yet");
    if (order.status != OrderStatus::ready) {
        ++finalized_twice;
        return a_failure(acme::FailureClass::protocol, "malformed", "finalized already");
    }
    ++finalized;
    auto in_request = Issuer::names_in(csr);
    auto ordered = order.names;
    std::sort(in_request.begin(), in_request.end());
    std::sort(ordered.begin(), ordered.end());
    if (in_request != ordered) wrong_csr.insert(order.names.front());

    const WallTime from = clock_.now() - backdated;
    Issuer::Leaf leaf{order.names, from, from + lifetime + backdated, false};
    if (spoil) spoil(leaf);
    order.chain = issuer_.issue(csr, leaf);
    if (first_chain_.empty()) first_chain_ = order.chain;
    if (sends_the_same_again) order.chain = first_chain_;
    ++issued;
    order.status = polls_until_issued == 0 ? OrderStatus::valid : OrderStatus::processing;
    return show(url);
}

acme::Outcome<acme::DownloadedChain> FakeCa::download(const acme::Account& account,
                                                      const std::string& certificate_url) {
    const auto found = orders_.find(tail(certificate_url));
    const auto names = found == orders_.end() ? std::vector<std::string>{} : found->second.names;
    if (auto failure = trouble(Step::download, names, &account)) return *failure;
    if (found == orders_.end()) return a_failure(acme::FailureClass::order_gone);
    return acme::DownloadedChain{found->second.chain, {}};
}

}  // namespace mesh::control::test
