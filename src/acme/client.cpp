#include "acme/client.hpp"

#include "acme/courier.hpp"
#include "acme/link.hpp"
#include "acme/resources.hpp"
#include "http/url.hpp"

#include <algorithm>

namespace mesh::acme {

namespace {

std::string named(const std::vector<std::string>& profiles) {
    std::string text;
    for (const std::string& profile : profiles) text += (text.empty() ? "" : ", ") + profile;
    return text.empty() ? "none" : text;
}

/// Checked before the order is placed: not every CA says no to a profile it does not have.
bool offers(const Directory& directory, const std::string& profile) {
    const auto& known = directory.profiles;
    return profile.empty() || std::find(known.begin(), known.end(), profile) != known.end();
}

Failure unreadable(Step step, const Answer& answer, const Error& error) {
    return nonsense({step, answer.url}, answer.response, error, answer.retry_at);
}

/// The Location field as an absolute URL, or empty.
std::string location(const Answer& answer) {
    const std::string_view field = answer.response.header("Location");
    if (field.empty()) return {};
    auto url = http::resolve_url(answer.url, field);
    return url ? std::move(*url) : std::string();
}

Outcome<AccountResource> account_of(const Answer& answer) {
    const Asked asked{Step::new_account, answer.url};
    AccountResource account{location(answer), read_account_status(answer.response.body)};
    if (account.status == "deactivated" || account.status == "revoked") {
        return failure(
            FailureClass::account_stopped, asked, "says the account is " + account.status);
    }
    if (account.url.empty()) {
        return failure(FailureClass::protocol, asked, "gave no usable Location of the account");
    }
    return account;
}

Outcome<OrderResource> order_of(Step step, const Answer& answer) {
    auto order = read_order(answer.response.body, answer.url);
    if (!order) return unreadable(step, answer, order.error());
    order->retry_at = answer.retry_at;
    return std::move(*order);
}

Outcome<OrderResource> new_order_of(const Answer& answer) {
    auto order = order_of(Step::new_order, answer);
    if (!order) return order;
    const Asked asked{Step::new_order, answer.url};
    order->url = location(answer);
    if (order->url.empty()) {
        return failure(FailureClass::protocol, asked, "gave no usable Location of the order");
    }
    if (order->authorizations.empty() || order->finalize.empty()) {
        return failure(FailureClass::protocol,
                       asked,
                       "gave an order without authorizations or without finalize");
    }
    return order;
}

Outcome<OrderResource> finalized_order_of(const Answer& answer) {
    auto order = order_of(Step::finalize, answer);
    if (!order) return order;
    order->url = location(answer);
    // Some CAs take a while to show that they have begun. What was accepted is under way: asking
    // again is right, finalizing again at once is not.
    if (order->status == OrderStatus::ready || order->status == OrderStatus::pending) {
        order->status = OrderStatus::processing;
    }
    return order;
}

Outcome<AuthorizationResource> authorization_of(const Answer& answer) {
    auto authorization = read_authorization(answer.response.body, answer.url);
    if (!authorization) return unreadable(Step::authorization, answer, authorization.error());
    authorization->retry_at = answer.retry_at;
    return std::move(*authorization);
}

Outcome<DownloadedChain> chain_of(const Answer& answer) {
    const http::Response& response = answer.response;
    if (response.body.find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
        return unreadable(
            Step::certificate, answer, Error{Errc::invalid, Origin::ca, "no PEM certificate"});
    }
    return DownloadedChain{response.body, links(response, "alternate", answer.url)};
}

class CourierClient final : public Client {
 public:
    explicit CourierClient(std::shared_ptr<Courier> courier) : courier_(std::move(courier)) {}
    ~CourierClient() override { courier_->close(); }

    void directory(Handler<Directory> done) override { courier_->fetch_directory(std::move(done)); }
    void new_account(const tls::PrivateKey& key,
                     const std::string& email,
                     Handler<AccountResource> done) override;
    void new_order(const Account& account,
                   const std::vector<HostPattern>& names,
                   const std::string& profile,
                   Handler<OrderResource> done) override;
    void fetch_order(const Account& account,
                     const std::string& url,
                     Handler<OrderResource> done) override;
    void fetch_authorization(const Account& account,
                             const std::string& url,
                             Handler<AuthorizationResource> done) override;
    void respond(const Account& account,
                 const std::string& challenge_url,
                 Handler<std::optional<WallTime>> done) override;
    void finalize(const Account& account,
                  const std::string& url,
                  const Bytes& csr,
                  Handler<OrderResource> done) override;
    void download(const Account& account,
                  const std::string& url,
                  Handler<DownloadedChain> done) override;

    [[nodiscard]] std::optional<std::chrono::milliseconds> clock_offset() const override {
        return courier_->clock_offset();
    }
    [[nodiscard]] std::string terms_of_service() const override {
        const auto& directory = courier_->known_directory();
        return directory ? directory->terms_of_service : std::string();
    }
    void forget() override { courier_->forget(); }

 private:
    using Read = std::function<void(Outcome<Answer>)>;

    /// A request about a resource whose URL is known. No payload: it is only read.
    void ask(Step step,
             const Account& account,
             const std::string& url,
             std::optional<std::string> payload,
             Read done,
             const char* accept = "application/json");
    void read_challenge(const Account& account,
                        const std::string& url,
                        Failure refused,
                        Handler<std::optional<WallTime>> done);

    std::shared_ptr<Courier> courier_;
};

/// Hands a good answer to `read`, everything else to `done` as it is.
template <class T, class ReadAnswer>
std::function<void(Outcome<Answer>)> reading(Handler<T> done, ReadAnswer read) {
    return [done = std::move(done), read](Outcome<Answer> answer) {
        if (!answer) return done(std::move(answer).error());
        done(read(*answer));
    };
}

void CourierClient::ask(Step step,
                        const Account& account,
                        const std::string& url,
                        std::optional<std::string> payload,
                        Read done,
                        const char* accept) {
    Call call(step, account.key, KeyOfAccount{account.url});
    call.letter.url = url;
    call.accept = accept;
    call.done = std::move(done);
    call.compose = [letter = Letter{url, std::move(payload)}](const Directory&) -> Outcome<Letter> {
        return letter;
    };
    courier_->submit(std::move(call));
}

void CourierClient::new_account(const tls::PrivateKey& key,
                                const std::string& email,
                                Handler<AccountResource> done) {
    Call call(Step::new_account, key, KeyInRequest{});
    call.done = reading<AccountResource>(std::move(done), account_of);
    call.compose = [email](const Directory& directory) -> Outcome<Letter> {
        if (directory.external_account_required) {
            return failure(FailureClass::config,
                           {Step::new_account, directory.new_account},
                           "wants an account made with an external account binding, which this "
                           "version does not offer");
        }
        return Letter{directory.new_account, account_payload(email)};
    };
    courier_->submit(std::move(call));
}

void CourierClient::new_order(const Account& account,
                              const std::vector<HostPattern>& names,
                              const std::string& profile,
                              Handler<OrderResource> done) {
    Call call(Step::new_order, account.key, KeyOfAccount{account.url});
    call.done = reading<OrderResource>(std::move(done), new_order_of);
    call.compose = [names, profile](const Directory& directory) -> Outcome<Letter> {
        if (!offers(directory, profile)) {
            return failure(FailureClass::config,
                           {Step::new_order, directory.new_order},
                           "has no certificate profile '" + profile +
                               "' (profiles offered: " + named(directory.profiles) + ")");
        }
        return Letter{directory.new_order, order_payload(names, profile)};
    };
    courier_->submit(std::move(call));
}

void CourierClient::fetch_order(const Account& account,
                                const std::string& url,
                                Handler<OrderResource> done) {
    ask(Step::order,
        account,
        url,
        std::nullopt,
        reading<OrderResource>(std::move(done), [](const Answer& answer) {
            auto order = order_of(Step::order, answer);
            if (order) order->url = answer.url;
            return order;
        }));
}

void CourierClient::fetch_authorization(const Account& account,
                                        const std::string& url,
                                        Handler<AuthorizationResource> done) {
    ask(Step::authorization,
        account,
        url,
        std::nullopt,
        reading<AuthorizationResource>(std::move(done), authorization_of));
}

void CourierClient::respond(const Account& account,
                            const std::string& challenge_url,
                            Handler<std::optional<WallTime>> done) {
    ask(Step::challenge,
        account,
        challenge_url,
        "{}",
        [this, account, challenge_url, done = std::move(done)](Outcome<Answer> answer) {
            if (answer) return done(answer->retry_at);
            Failure refused = std::move(answer).error();
            if (refused.kind != FailureClass::protocol) return done(std::move(refused));
            read_challenge(account, challenge_url, std::move(refused), done);
        });
}

// A CA says "malformed" when it has been told before, which happens after a crash between telling
// it and writing that down. The challenge itself shows which it is.
void CourierClient::read_challenge(const Account& account,
                                   const std::string& url,
                                   Failure refused,
                                   Handler<std::optional<WallTime>> done) {
    ask(Step::challenge,
        account,
        url,
        std::nullopt,
        [refused = std::move(refused), done = std::move(done)](Outcome<Answer> answer) {
            if (!answer) return done(refused);
            const auto status = read_challenge_status(answer->response.body);
            const bool begun = status && (*status == ChallengeStatus::processing ||
                                          *status == ChallengeStatus::valid ||
                                          *status == ChallengeStatus::invalid);
            if (!begun) return done(refused);
            done(answer->retry_at);
        });
}

void CourierClient::finalize(const Account& account,
                             const std::string& url,
                             const Bytes& csr,
                             Handler<OrderResource> done) {
    ask(Step::finalize,
        account,
        url,
        finalize_payload(csr),
        reading<OrderResource>(std::move(done), finalized_order_of));
}

void CourierClient::download(const Account& account,
                             const std::string& url,
                             Handler<DownloadedChain> done) {
    ask(Step::certificate,
        account,
        url,
        std::nullopt,
        reading<DownloadedChain>(std::move(done), chain_of),
        "application/pem-certificate-chain");
}

}  // namespace

std::unique_ptr<Client> make_client(
    ClientSettings settings, http::Client& http, Executor& executor, const Clock& clock, Log& log) {
    return std::make_unique<CourierClient>(
        std::make_shared<Courier>(std::move(settings), http, executor, clock, log));
}

}  // namespace mesh::acme
