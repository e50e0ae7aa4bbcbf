#pragma once
#include "acme/order.hpp"
#include "control/authority.hpp"
#include "control/challenge_board.hpp"
#include "control/key_maker.hpp"
#include "control/store_gate.hpp"
#include "model/wanted.hpp"
#include "tls/certificate.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace mesh::control {

/// A proven certificate with everything that has to be stored of it.
struct Issued {
    std::string chain_pem;
    Secret key_pem;
    std::string profile;  ///< asked for
    std::shared_ptr<const tls::Credential> credential;
};

/// Why an order does not go on now.
struct OrderFailure {
    std::string type;         ///< the CA's problem type, or "mesh:…" for what we found ourselves
    std::string detail;       ///< one line for people
    bool counted = true;      ///< one more failure in a row; false: only a wait the CA asked for
    bool keep_order = false;  ///< the order may still come to an end: go on with it then
    std::optional<WallTime> retry_at;  ///< not before, the CA's word
};

/// Who hears how an order ends: once, posted to the executor; the run is over by then.
class OrderOwner {
 public:
    virtual ~OrderOwner() = default;
    virtual void order_issued(ItemId id, Issued issued) = 0;
    virtual void order_failed(ItemId id, OrderFailure failure) = 0;
};

/// Drives the one open order of a certificate: asks acme::next_action what to do, does that one
/// thing, folds the answer in, commits the order's row, and again. Every state that is committed
/// has exactly one continuation, so a run made from a stored row goes on where another stopped.
///
/// A run that waits (for its turn, for the CA, for a name) holds neither thread nor turn.
class OrderRun : public std::enable_shared_from_this<OrderRun> {
 public:
    struct Surroundings {
        Authority& authority;
        StoreGate& gate;
        ChallengeBoard& board;
        ActionHeap& heap;
        KeyMaker& keys;
        Executor& executor;
        const Clock& clock;
        Log& log;
        OrderOwner& owner;
        const bool& held;  ///< no order is placed, and no challenge answered: see Reconciler::hold
    };
    struct Subject {
        ItemId id = 0;
        store::CertificateKey key;
        std::vector<HostPattern> names;  ///< main first
        tls::KeyType key_type = tls::KeyType::ec256;
        std::string preferred_chain;  ///< name of a root; empty: the chain offered first
        Urgency urgency;
        /// No poll waits longer than this of our own accord: what is left of a valid certificate.
        std::optional<std::chrono::milliseconds> longest_wait;
    };

    /// A new order. `change` is committed with its row, before the CA hears of it; `begun` runs
    /// between the two.
    [[nodiscard]] static std::shared_ptr<OrderRun> start(Surroundings around,
                                                         Subject subject,
                                                         const std::string& profile,
                                                         store::Transition change,
                                                         std::function<void()> begun);
    /// The order of a row. Call `turn` or `advance` next.
    [[nodiscard]] static Result<std::shared_ptr<OrderRun>> resume(Surroundings around,
                                                                  Subject subject,
                                                                  const store::OrderRecord& row);
    ~OrderRun();

    /// The turn this run waited for is there.
    void turn();
    /// The time this run waited for has come.
    void on_time() { advance(); }
    /// Names this run waited for came free, or it is held no more: decide anew.
    void advance();
    /// The answer to its request will not come: decide anew.
    void answer_lost();
    /// False while the CA may look for a challenge that is not published yet.
    [[nodiscard]] bool answers_the_ca() const;
    /// The row as last committed.
    [[nodiscard]] store::OrderRecord row() const;

 private:
    OrderRun(Surroundings around, Subject subject, acme::OrderState order, WallTime created);

    void perform(const acme::Action& action);
    // Requests: with a turn only.
    void place();
    void fetch_authorization(std::size_t index);
    void ask_for_cause(std::size_t index);
    void respond(std::size_t index);
    void fetch_order();
    void send_finalize();
    void download();
    // The rest.
    void present();
    void make_key();
    void finalize();
    void give_up(const acme::GiveUp& reason);

    // The answers.
    void order_answered(const acme::OrderResource& answer);
    void authorization_answered(std::size_t index, const acme::AuthorizationResource& answer);
    void cause_answered(std::size_t index, const acme::AuthorizationResource& answer);
    void responded(std::size_t index, std::optional<WallTime> retry_at);
    void downloaded(const acme::DownloadedChain& chain);
    [[nodiscard]] std::optional<std::string> choose_chain(const acme::DownloadedChain& answer);
    void take_chain(std::string_view pem);
    void request_failed(const acme::Failure& failure, Authority::Verdict verdict);
    [[nodiscard]] OrderFailure judge(const acme::Failure& failure) const;
    void settle_refusal();
    void fail_as_refused();
    void follow_authorizations(const acme::OrderState& before);
    [[nodiscard]] bool is_beyond_saving() const;
    void begin_anew(const acme::Failure& failure);
    void not_ready(const acme::Failure& failure);

    enum class Step { place, order, authorization, respond, finalize, download };
    template <class T, class Fold>
    [[nodiscard]] acme::Handler<T> expect(Step step, std::size_t index, Fold fold);
    [[nodiscard]] bool may_begin();
    [[nodiscard]] bool at_turn();
    void return_turn();
    [[nodiscard]] bool poll_is_due();
    void commit_then(void (OrderRun::*next)());
    [[nodiscard]] StoreGate::Failed on_late_commit();
    [[nodiscard]] StoreGate::Failed on_refused_commit();
    void pause(std::optional<WallTime> retry_at);
    void unchanged(std::optional<WallTime> retry_at);
    void progress();
    void publish(std::size_t index, const std::shared_ptr<std::size_t>& missing);
    void withdraw_finished_challenges();
    void note_cause(std::size_t index, const acme::AuthorizationResource& answer);
    void fail(OrderFailure failure);

    Surroundings around_;
    Subject subject_;
    acme::OrderState order_;
    acme::OrderState committed_;
    WallTime created_;
    std::vector<bool> presented_;

    Step step_ = Step::order;  ///< of the last request
    std::size_t step_index_ = 0;
    bool has_turn_ = false;
    bool busy_ = false;   ///< something is under way that will call advance()
    bool asked_ = false;  ///< busy with a request
    bool over_ = false;
    bool finalize_committed_ = false;
    unsigned begun_anew_ = 0;
    std::size_t requests_ = 0;

    /// The chains of one certificate, while they are looked through for the preferred one.
    struct ChainChoice {
        std::string offered;  ///< the one that came first
        std::vector<std::string> alternates;
        std::size_t asked = 0;  ///< so many of them
    };
    std::optional<ChainChoice> chain_choice_;

    std::optional<SteadyTime> not_before_;     ///< of the next poll or download
    std::optional<SteadyTime> waiting_since_;  ///< the CA has not moved since
    std::chrono::milliseconds interval_{0};

    /// The CA would not be told of a challenge; its authorization tells what to make of that.
    struct Refusal {
        std::size_t index;  ///< of the authorization
        OrderFailure failure;
    };
    std::optional<Refusal> refusal_;
    std::optional<OrderFailure> cause_;  ///< what the CA said of an authorization that failed
    std::vector<std::size_t> inquest_;   ///< authorizations to ask why the order failed
    bool inquest_made_ = false;
};

}  // namespace mesh::control
