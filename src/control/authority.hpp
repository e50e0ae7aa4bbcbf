#pragma once
#include "acme/client.hpp"
#include "control/account_keeper.hpp"
#include "control/action_heap.hpp"
#include "control/clock_guard.hpp"
#include "control/jitter.hpp"
#include "control/store_gate.hpp"
#include "model/configuration.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::control {

/// A certificate while this process lives.
using ItemId = std::uint64_t;

/// Who goes first: least remaining life, where no valid certificate is none at all; among
/// equals whoever has begun, then whoever failed least.
struct Urgency {
    WallTime life_ends = WallTime::min();  ///< min: nothing valid is there
    bool begins = false;                   ///< has no open order yet
    std::uint32_t attempts = 0;
    ItemId id = 0;
    auto operator<=>(const Urgency&) const = default;
};

/// How a CA stands with us.
struct AuthorityStanding {
    /// "unknown" (nothing was asked of it yet), "up", "away", "limited", "stopped" (it refuses the
    /// account), "clock" (the dates differ too much)
    std::string_view state = "unknown";
    std::optional<WallTime> until;  ///< nothing is asked of it before
    std::string reason;             ///< its own words, printable
    bool asked_for = false;         ///< the CA named that time; nobody here may shorten it
};

/// Whom an Authority serves.
class AuthorityUser {
 public:
    virtual ~AuthorityUser() = default;
    /// The certificate may send one request now; `finished` or `give_back` must follow.
    virtual void granted(ItemId id) = 0;
    /// False while no request may go out at all: the machine's date is wrong.
    [[nodiscard]] virtual bool may_ask() const = 0;
    /// False while no order may begin: enough are open, or the store takes nothing.
    [[nodiscard]] virtual bool may_begin(const std::string& directory) const = 0;
    [[nodiscard]] virtual std::optional<std::chrono::milliseconds> longest_wait_of(
        ItemId id) const = 0;
};

/// One CA as seen from here: whether it answers, whether it asked for patience, our account
/// there, and who waits for a turn. At most eight requests are out at once, the most urgent
/// first; after every pause one goes ahead of all others and shows that the CA is back.
///
/// A CA that cannot be reached, answers 5xx or nonsense is a state of the CA: one probe (the
/// directory) for everybody, 5 s doubling to 5 min, and nobody's attempts are counted. Logged
/// once when it begins (`ca_down`) and once when it ends (`ca_up`).
class Authority {
 public:
    struct Surroundings {
        ActionHeap& heap;
        ActionHeap::Key key;  ///< whose time calls on_time()
        StoreGate& gate;
        const Clock& clock;
        Log& log;
        Jitter& jitter;
        WallTime build_time;
        AuthorityUser& user;
    };

    Authority(std::string directory,
              Surroundings around,
              std::optional<store::AccountRecord> account,
              std::optional<store::AuthorityRecord> stored);

    /// Uses this client from now on. Whose request was out with the one before is returned: its
    /// answer will not come.
    [[nodiscard]] std::vector<ItemId> use(const model::CertResolver& resolver,
                                          std::unique_ptr<acme::Client> client);
    [[nodiscard]] bool uses(const model::CertResolver& resolver) const;

    /// Asks for a turn; asking again replaces the urgency.
    void wait_for_turn(const Urgency& urgency);
    void stop_waiting(ItemId id);
    /// The turn was not used.
    void give_back(ItemId id);
    /// Whoever had the turn is gone; its answer will not be reported. Gives nobody a turn.
    void abandon(ItemId id);
    /// Whose affair a failure is.
    enum class Verdict {
        certificate,  ///< the CA pronounced on this certificate
        authority,    ///< ours: wait for a turn again
    };
    /// The answer came. `placing`: it was newOrder's.
    [[nodiscard]] Verdict finished(ItemId id, const acme::Failure* failure, bool placing);
    /// Its order has ended, well or not.
    void forget(ItemId id);

    void on_time();
    [[nodiscard]] AuthorityStanding standing() const;
    /// A person wants something now: a pause of our own ends, one the CA asked for goes on.
    void end_own_pause();
    /// The wall clock was moved: a pause never reaches further than one can.
    void clock_was_set();
    /// Leaves account and pause where the next Authority of this CA finds them.
    void save(std::map<std::string, store::AccountRecord>& accounts,
              std::map<std::string, store::AuthorityRecord>& authorities) const;
    /// Gives turns to whoever may have them.
    void pump();

    [[nodiscard]] acme::Client& client() { return *client_; }
    [[nodiscard]] const acme::Account& account() const { return account_.account(); }
    [[nodiscard]] const acme::Directory& directory() const { return directory_; }
    /// True: the directory is old and is read again before the next turn. False: it is fresh.
    [[nodiscard]] bool reread_directory();

 private:
    /// No pause a CA asks for is longer (Retry-After is bounded to 24 h, ours are shorter than
    /// this); a stored one that is comes from a clock that was wrong.
    static constexpr std::chrono::milliseconds patience_max = std::chrono::hours{30};

    enum class Mode { unknown, probing, registering, trial, up, waiting };
    enum class Pause { none, away, limited, stopped, clock };
    struct Trouble {
        unsigned failures = 0;
        unsigned served_meanwhile = 0;
        SteadyTime since;
    };

    void give_turns();
    void probe();
    void probed(const acme::Outcome<acme::Directory>& answer);
    void register_account();
    void registration_answered(const std::optional<acme::Failure>& failure);
    void answers();
    Verdict failed(ItemId id, const acme::Failure& failure, bool placing, bool current);
    void account_is_gone(const acme::Failure& failure);
    [[nodiscard]] bool fails_for_this_one_only(ItemId id);
    [[nodiscard]] bool clock_is_wrong();

    void go_away(const acme::Failure& failure);
    void limit(const acme::Failure& failure);
    void stop(const std::string& reason, const acme::Failure& failure, bool daily);
    void pause(
        Pause reason, WallTime until, const std::string& why, bool stored, bool asked_for = false);
    void own_pause_of(std::chrono::milliseconds wait);
    void hurry_for(ItemId id);
    [[nodiscard]] std::chrono::milliseconds bounded(std::chrono::milliseconds wait) const;
    void store_pause(std::optional<WallTime> until,
                     const std::string& why,
                     std::optional<WallTime> asked_until = {});
    [[nodiscard]] std::optional<Urgency> next_in_line() const;

    std::string url_;
    Surroundings around_;
    AccountKeeper account_;
    std::unique_ptr<acme::Client> client_;
    model::CertResolver resolver_;  ///< whose trust and e-mail the client has
    acme::Directory directory_;
    SteadyTime directory_read_;

    bool pumping_ = false;
    Mode mode_ = Mode::unknown;
    Pause pause_ = Pause::none;
    WallTime pause_until_;
    std::string pause_why_;
    bool pause_asked_for_ = false;              ///< by the CA
    std::optional<SteadyTime> own_pause_ends_;  ///< of a pause no CA asked for
    bool down_announced_ = false;
    std::string stop_announced_;
    std::uint32_t probes_ = 0;    ///< failures in a row of the CA itself
    std::uint32_t limits_ = 0;    ///< refusals in a row for the whole CA
    std::uint32_t stops_ = 0;     ///< refusals in a row of the account
    unsigned gone_in_a_row_ = 0;  ///< registrations lost without an answer in between
    std::optional<SteadyTime> up_since_;
    ClockVerdict clock_verdict_ = ClockVerdict::right;
    store::AuthorityRecord stored_;

    std::uint64_t epoch_ = 0;  ///< counts pauses: answers to older requests change nothing
    std::map<ItemId, std::uint64_t> out_;  ///< whose request is under way, since which epoch
    std::set<Urgency> steps_;
    std::set<Urgency> beginnings_;
    std::map<ItemId, Urgency> waiting_;
    std::map<ItemId, Trouble> troubles_;
};

}  // namespace mesh::control
