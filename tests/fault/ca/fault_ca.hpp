#pragma once
#include "base/clock.hpp"
#include "fault/ca/issuer.hpp"
#include "fault/ca/jws.hpp"
#include "fault/ca/message.hpp"
#include "fault/ca/script.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace mesh::fault {

/// What a CA may do one way or another without being wrong.
struct Manners {
    std::chrono::milliseconds lifetime = std::chrono::days{90};
    std::chrono::milliseconds backdated{0};  ///< of each certificate, added to its lifetime
    std::chrono::milliseconds order_life = std::chrono::days{7};
    unsigned polls_until_valid = 0;   ///< of an authorization whose challenge was answered
    unsigned polls_until_issued = 0;  ///< of a finalized order
    static constexpr unsigned never = ~0U;
    bool knows_names = false;    ///< every authorization is valid from before
    bool reuses_orders = false;  ///< newOrder for the names of an open order gives that one
    std::vector<std::string> challenge_types{"http-01", "tls-alpn-01", "dns-01"};
    std::vector<std::string> profiles;
    bool external_account_required = false;
    std::string terms = "https://ca.test/terms";
    bool nonces_in_answers = true;
    double nonces_refused = 0;  ///< share of good nonces refused all the same
    std::string retry_after;    ///< said with each order and authorization that is not final
    bool tells_date = true;
    std::chrono::milliseconds clock_ahead{0};  ///< of its Date fields
    bool verifies_signatures = true;           ///< costs 0.1 ms a request
};

/// What the CA saw and did.
struct Seen {
    std::map<acme::Step, std::size_t> asked;  ///< whether or not it was executed
    std::size_t accounts_made = 0;
    std::set<std::string> account_keys;
    std::size_t orders_made = 0;
    std::vector<std::string> placed;  ///< first name of each new order
    std::size_t finalized = 0;
    std::size_t finalized_twice = 0;
    std::size_t issued = 0;
    std::size_t downloads = 0;
    /// What a strict CA would complain about: signatures, nonces, URLs, names. Stays empty.
    std::vector<std::string> complaints;
    [[nodiscard]] std::size_t total() const;
};

/// A small ACME CA (RFC 8555) as a state machine: a request goes in, a reply comes out. Without a
/// script it behaves. It knows neither sockets nor threads nor a clock that runs by itself, so
/// that the same CA serves a test over TLS, and a simulated year within a process. Not
/// thread-safe.
class FaultCa {
 public:
    using Step = acme::Step;

    /// `origin`: "https://host:port", the beginning of every URL it gives. `clock` outlives it.
    FaultCa(const Clock& clock, std::string origin);

    [[nodiscard]] Reply serve(const Request& request);
    [[nodiscard]] std::string directory_url() const { return origin_ + "/directory"; }
    [[nodiscard]] const std::string& origin() const { return origin_; }
    /// Before the first request.
    void set_origin(std::string origin) { origin_ = std::move(origin); }

    Manners manners;
    Script script;
    bool down = false;  ///< every connection is reset
    /// Why a name does not validate, if so: a problem document. None: everything validates.
    std::function<std::optional<Json>(const std::string& name,
                                      const std::string& key_authorization)>
        validate;
    /// Changes what is signed.
    std::function<void(Issuer::Leaf&)> spoil;
    /// Puts the downloaded text together; by default leaf and intermediate.
    std::function<std::string(const Issuer::Parts&)> compose;
    Seen seen;

    // What befalls a CA.
    void forget_accounts() { accounts_.clear(); }
    void forget_orders();
    void deactivate_accounts();
    void reactivate_accounts();
    /// Every order that is open ends, for that reason.
    void fail_open_orders(const std::string& type, const std::string& detail);

 private:
    struct Account {
        std::string url;
        AccountKey key;
        bool deactivated = false;
    };
    struct Authorization {
        std::string name;
        std::string status = "pending";
        std::string token;
        std::string account;
        bool told = false;
        unsigned polls = 0;
        std::optional<Json> error;
    };
    struct Order {
        std::vector<std::string> names;
        std::string profile;
        std::string account;
        std::string status = "pending";
        WallTime expires;
        std::vector<std::uint64_t> authorizations;
        unsigned polls = 0;
        std::optional<Issuer::Parts> certificate;
        std::optional<Json> error;
    };
    /// A request whose envelope has been opened.
    struct Opened {
        Step step = Step::directory;
        bool known = true;  ///< there is such a resource
        std::uint64_t id = 0;
        std::optional<SignedRequest> jws;
        std::string trouble;  ///< with its envelope
        Account* account = nullptr;
    };

    [[nodiscard]] Opened open(const Request& request) const;
    [[nodiscard]] std::vector<std::string> names_of(const Opened& opened) const;
    [[nodiscard]] Reply execute(const Request& request, Opened& opened);
    [[nodiscard]] std::optional<Reply> refuse_envelope(const Request& request, Opened& opened);
    [[nodiscard]] std::optional<Reply> find_account(const Request& request, Opened& opened);
    void finish(const Request& request, Reply& reply);

    [[nodiscard]] Reply directory() const;
    [[nodiscard]] Reply new_account(const Opened& opened);
    [[nodiscard]] Reply new_order(const Opened& opened);
    [[nodiscard]] Reply show_order(std::uint64_t id, Order& order);
    [[nodiscard]] Reply poll_order(std::uint64_t id, Order& order);
    [[nodiscard]] Reply show_authorization(std::uint64_t id, Authorization& authorization);
    [[nodiscard]] Reply poll_authorization(std::uint64_t id, Authorization& authorization);
    [[nodiscard]] Reply challenge(const Opened& opened, Authorization& authorization);
    [[nodiscard]] Reply finalize(const Opened& opened, Order& order);
    [[nodiscard]] Reply certificate(const Order& order);
    [[nodiscard]] Json challenge_json(std::uint64_t id,
                                      const Authorization& authorization,
                                      const std::string& type) const;

    [[nodiscard]] std::uint64_t make_order(const std::vector<std::string>& names,
                                           const std::string& profile,
                                           const Account& account);
    [[nodiscard]] std::optional<std::uint64_t> open_order_of(const std::vector<std::string>& names,
                                                             const Account& account);
    void update(Order& order);
    void settle(Authorization& authorization);
    void add_patience(Reply& reply) const;
    [[nodiscard]] std::string url_of(const char* kind, std::uint64_t id) const;
    [[nodiscard]] std::string fresh_nonce();
    void complain(const Request& request, const std::string& what);

    const Clock& clock_;
    std::string origin_;
    Issuer issuer_;
    std::mt19937_64 chance_{1};
    std::set<std::string> nonces_;
    std::map<std::string, Account> accounts_;  ///< by thumbprint
    std::map<std::uint64_t, Order> orders_;
    std::map<std::uint64_t, Authorization> authorizations_;
    std::uint64_t next_ = 1;
};

/// A problem as it stands in an order or a challenge.
[[nodiscard]] Json problem_json(std::string_view type, std::string_view detail);

}  // namespace mesh::fault
