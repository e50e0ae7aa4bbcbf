#pragma once
#include "acme/client.hpp"
#include "unit/control/support/fake_publisher.hpp"
#include "unit/control/support/issuer.hpp"
#include "unit/control/support/manual_executor.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mesh::control::test {

enum class Step { directory, account, place, order, authorization, respond, finalize, download };

/// A CA's memory and manners. It outlives the clients that speak to it, as a CA does. It checks
/// what a CA would: every name's challenge is published when it is told to validate, the CSR
/// holds the ordered names, finalize comes once.
class FakeCa {
 public:
    FakeCa(ManualClock& clock, ManualExecutor& executor, FakePublisher& publisher)
        : clock_(clock), executor_(executor), publisher_(&publisher) {}

    [[nodiscard]] std::unique_ptr<acme::Client> make_client();
    /// The data plane of the next process.
    void set_publisher(FakePublisher& publisher) { publisher_ = &publisher; }

    // Manners.
    std::chrono::milliseconds lifetime = std::chrono::days{90};
    std::chrono::milliseconds backdated{0};
    std::chrono::milliseconds latency{5};
    bool down = false;  ///< nothing answers
    std::optional<std::chrono::milliseconds> clock_offset;
    std::optional<std::chrono::milliseconds> retry_after;  ///< with every poll that is not final
    unsigned polls_until_valid = 0;                        ///< of an authorization
    unsigned polls_until_issued = 0;                       ///< of an order after finalize
    bool hears_what_it_refuses = false;  ///< told to validate, it does, whatever it answers
    bool offers_challenge = true;
    bool external_account_required = false;
    std::vector<std::string> profiles;
    /// Refuses a request, given the names it is about.
    std::function<std::optional<acme::Failure>(Step, const std::vector<std::string>&)> refuse;
    /// The problem with a name's validation, if any.
    std::function<std::optional<acme::Problem>(const std::string&)> fails_validation;
    /// Changes what is issued.
    std::function<void(Issuer::Leaf&)> spoil;
    bool sends_the_same_again = false;  ///< the first certificate for ever

    /// Loses every account and order, as Pebble does when it is restarted.
    void restart();

    // What was seen.
    std::map<Step, std::size_t> asked;
    std::size_t in_flight = 0;
    std::size_t in_flight_max = 0;
    std::size_t accounts_made = 0;
    std::set<std::string> account_keys;
    std::size_t orders_made = 0;
    std::size_t finalized = 0;
    std::size_t finalized_twice = 0;
    std::size_t issued = 0;
    std::vector<std::string> placed;  ///< first name of each new order
    std::vector<std::string> told_too_early;
    std::set<std::string> wrong_csr;

 private:
    friend class FakeClient;
    struct Order {
        std::vector<std::string> names;
        std::string profile;
        std::string account;
        acme::OrderStatus status = acme::OrderStatus::pending;
        std::vector<std::string> authorizations;
        WallTime expires;
        unsigned polls = 0;
        std::string chain;
    };
    struct Authorization {
        std::string name;
        std::string order;
        acme::AuthorizationStatus status = acme::AuthorizationStatus::pending;
        bool told = false;
        unsigned polls = 0;
        std::optional<acme::Problem> problem;
    };

    std::optional<acme::Failure> trouble(Step step,
                                         const std::vector<std::string>& names,
                                         const acme::Account* account);
    std::optional<WallTime> retry_at() const;
    acme::OrderResource show(const std::string& url);
    acme::AuthorizationResource show_authorization(const std::string& url);
    void update(Order& order);

    acme::Outcome<acme::Directory> directory();
    acme::Outcome<acme::AccountResource> new_account(const tls::PrivateKey& key);
    acme::Outcome<acme::OrderResource> place(const acme::Account& account,
                                             const std::vector<std::string>& names,
                                             const std::string& profile);
    acme::Outcome<acme::OrderResource> poll_order(const acme::Account& account,
                                                  const std::string& url);
    acme::Outcome<acme::AuthorizationResource> poll_authorization(const acme::Account& account,
                                                                  const std::string& url);
    acme::Outcome<std::optional<WallTime>> respond(const acme::Account& account,
                                                   const std::string& url);
    acme::Outcome<acme::OrderResource> finalize(const acme::Account& account,
                                                const std::string& url,
                                                const Bytes& csr);
    acme::Outcome<acme::DownloadedChain> download(const acme::Account& account,
                                                  const std::string& url);

    ManualClock& clock_;
    ManualExecutor& executor_;
    FakePublisher* publisher_;
    Issuer issuer_;
    std::map<std::string, std::string> accounts_;  ///< JWK → URL
    std::map<std::string, Order> orders_;
    std::map<std::string, Authorization> authorizations_;
    std::uint64_t next_ = 1;
    std::string first_chain_;
};

[[nodiscard]] acme::Failure a_failure(acme::FailureClass kind,
                                      const std::string& type = {},
                                      const std::string& detail = {});

}  // namespace mesh::control::test
