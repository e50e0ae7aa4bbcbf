#pragma once
#include "control/action_heap.hpp"
#include "control/authority.hpp"
#include "control/certificate_item.hpp"
#include "control/challenge_board.hpp"
#include "control/import.hpp"
#include "control/key_maker.hpp"
#include "control/order_run.hpp"
#include "control/reconciler.hpp"
#include "control/store_gate.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>

namespace mesh::control {

/// The reconciler's inside: all certificates, all CAs, one heap of next actions.
///
/// Who calls whom: a time in the heap or a free slot makes a certificate ask its CA for a turn;
/// with the turn its OrderRun sends one request; the answer is folded and committed; how the run
/// ends comes back here as order_issued or order_failed, which sets the next time.
class CertificateKeeper final : private AuthorityUser, private OrderOwner {
 public:
    CertificateKeeper(ReconcilerSettings settings,
                      store::Store& store,
                      Publisher& publisher,
                      Executor& executor,
                      const Clock& clock,
                      Log& log);
    ~CertificateKeeper() override;
    CertificateKeeper(const CertificateKeeper&) = delete;
    CertificateKeeper& operator=(const CertificateKeeper&) = delete;

    [[nodiscard]] Status load();
    void want(const model::WantedSet& wanted,
              const std::map<std::string, model::CertResolver>& resolvers);
    void order_again(std::int64_t certificate_id, std::int64_t version_id);
    void hold() { held_ = true; }
    void release();
    void stop();
    [[nodiscard]] std::vector<Hostname> stop_for_another();
    [[nodiscard]] bool answers_the_cas() const;

    // What people ask (keeper_commands.cpp, keeper_import.cpp).
    [[nodiscard]] LinePage lines(const LineQuery& query) const;
    [[nodiscard]] std::map<CertificateState, std::size_t> states() const;
    [[nodiscard]] std::vector<CaLine> authorities() const;
    [[nodiscard]] std::vector<RenewLine> renew(const RenewRequest& request);
    void import(const ImportTarget& target, std::vector<ImportItem> items, ImportDone done);

 private:
    struct Ca {
        ItemId id = 0;
        std::unique_ptr<Authority> authority;
        std::size_t open_orders = 0;
    };

    /// The key is that of the item itself, of which there may be many.
    struct ByKey {
        using is_transparent = void;
        static const store::CertificateKey& key_of(const CertificateItem* item) {
            return item->stored.record.key;
        }
        static const store::CertificateKey& key_of(const store::CertificateKey& key) { return key; }
        bool operator()(const auto& a, const auto& b) const { return key_of(a) < key_of(b); }
    };

    /// Kinds of keys in the heap, above every ItemId.
    static constexpr ActionHeap::Key notice_bit = ActionHeap::Key{1} << 63;
    static constexpr ActionHeap::Key authority_bit = ActionHeap::Key{1} << 62;

    // AuthorityUser
    void granted(ItemId id) override;
    [[nodiscard]] bool may_ask() const override;
    [[nodiscard]] bool may_begin(const std::string& directory) const override;
    [[nodiscard]] std::optional<std::chrono::milliseconds> longest_wait_of(
        ItemId id) const override;
    // OrderOwner
    void order_issued(ItemId id, Issued issued) override;
    void order_failed(ItemId id, OrderFailure failure) override;

    // The wanted set (keeper_want.cpp).
    void want_one(const model::WantedCertificate& wanted, store::Transition& changes);
    void unwant(CertificateItem& item, store::Transition& changes);
    static void put_row(CertificateItem& item, store::Transition& changes);
    void prepare_authority(const std::string& directory, const model::CertResolver& resolver);
    void drop_unused_authorities();
    void commit_in_parts(store::Transition changes);

    // Time (certificate_keeper.cpp).
    void arm();
    void tick();
    void follow_clock();
    void act(CertificateItem& item);
    void schedule(CertificateItem& item);
    void remove(CertificateItem& item);
    void notice(CertificateItem& item);
    [[nodiscard]] bool stands_in(const CertificateItem& item) const;
    void pump_all();

    // Orders (keeper_orders.cpp).
    void begin(CertificateItem& item, Ca& ca);
    void resume(CertificateItem& item, Ca& ca);
    void end_run(CertificateItem& item);
    void tell_begun(const CertificateItem& item);
    void keep_current(CertificateItem& item, const store::VersionFacts& refused);
    void tell_surprises(const CertificateItem& item,
                        const std::vector<HostPattern>& names,
                        const store::VersionFacts& facts);
    void tell_failure(const store::CertificateRecord& record, const OrderFailure& failure);
    [[nodiscard]] OrderRun::Surroundings surroundings(Ca& ca);
    [[nodiscard]] OrderRun::Subject subject(const CertificateItem& item) const;
    [[nodiscard]] Urgency urgency(const CertificateItem& item) const;
    void commit_issued(CertificateItem& item, Issued issued, store::VersionFacts facts);
    void committed(ItemId id, const store::Applied& applied, const Issued& issued);
    void serve_uncommitted(CertificateItem& item, const Issued& issued);
    void refused_by_store(ItemId id, const Issued& issued);
    void publish(const CertificateItem& item,
                 certs::CertificateId id,
                 certs::VersionId version,
                 const Issued& issued,
                 bool stored);

    // What people ask (keeper_commands.cpp).
    [[nodiscard]] RenewLine renew_one(CertificateItem& item);
    [[nodiscard]] std::optional<RenewLine> reason_to_wait(const CertificateItem& item);

    // Importing (keeper_import.cpp).
    struct Imported {
        store::CertificateRecord record;
        store::VersionFacts facts;
        Issued issued;
    };
    /// Hears why it was not stored, or nothing when it was.
    using Stored = std::function<void(const std::optional<std::string>& objection)>;
    void import_one(const ImportTarget& target,
                    const ImportItem& from,
                    const std::function<void(ImportLine)>& done);
    void store_import(CertificateItem& item, Import::Batch batch, Stored told);
    void end_import(CertificateItem& item,
                    const Imported& rows,
                    const Result<store::Applied>& applied);
    void serve_imported(CertificateItem& item, const store::Applied& applied, const Issued& issued);

    [[nodiscard]] CertificateItem* find(ItemId id);
    [[nodiscard]] CertificateItem* find(const store::CertificateKey& key);
    [[nodiscard]] const CertificateItem* find(ItemId id) const;
    [[nodiscard]] Ca* ca_of(const CertificateItem& item);
    CertificateItem& new_item(const store::CertificateKey& key);

    ReconcilerSettings settings_;
    store::Store& store_;
    Publisher& publisher_;
    Executor& executor_;
    const Clock& clock_;
    Log& log_;
    Jitter jitter_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);

    StoreGate gate_;
    ActionHeap heap_;
    ChallengeBoard board_;
    KeyMaker keys_;
    std::map<std::string, store::AccountRecord> stored_accounts_;
    std::map<std::string, store::AuthorityRecord> stored_authorities_;

    bool running_ = false;  ///< want() was called, stop() was not
    bool stopped_ = false;
    bool held_ = false;  ///< runs begin nothing at a CA
    bool clock_before_build_ = false;
    std::chrono::milliseconds wall_offset_{0};
    std::optional<SteadyTime> armed_;
    ItemId next_id_ = 1;
    certs::CertificateId next_temporary_ = 1;

    std::map<std::string, Ca> cas_;
    std::unordered_map<ItemId, CertificateItem>
        items_;  ///< before cas_ in destruction: runs use them
    std::set<CertificateItem*, ByKey> by_key_;
    std::unordered_map<std::string, ItemId> wanted_names_;  ///< who is to serve a name
};

}  // namespace mesh::control
