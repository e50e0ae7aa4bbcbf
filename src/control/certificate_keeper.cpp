#include "control/certificate_keeper.hpp"

#include "base/time_text.hpp"
#include "control/back_off.hpp"
#include "control/identity.hpp"
#include "control/order_row.hpp"
#include "control/schedule.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace mesh::control {
namespace {

using std::chrono::milliseconds;

/// The wall clock may be set at any moment; it is looked at this often.
constexpr milliseconds step_max = std::chrono::seconds{30};
/// Between the moment a deletion is due and the deletion.
constexpr milliseconds removal_pause = std::chrono::hours{1};
constexpr milliseconds clock_was_set = std::chrono::minutes{1};
/// No stored wait is longer than this; one further ahead comes from a clock that was wrong.
constexpr milliseconds wait_max = std::chrono::hours{30};

/// A release from before schema 1.2 wrote none, or left that of an earlier failure.
bool is_known_what_was_asked(const store::CertificateRecord& record) {
    return record.asked_until &&
           (!record.last_error || *record.asked_until >= record.last_error->at);
}

/// A limit's wait is the CA's, and so is one without a failure.
std::optional<WallTime> wait_of_the_ca(const store::CertificateRecord& record) {
    const bool limited =
        record.last_error && std::string_view{record.last_error->type}.ends_with("rateLimited");
    return limited || record.attempts == 0 ? record.next_at : std::nullopt;
}

milliseconds wall_ahead_of_steady(const Clock& clock) {
    return clock.now().time_since_epoch() -
           std::chrono::floor<milliseconds>(clock.steady_now().time_since_epoch());
}

}  // namespace

CertificateKeeper::CertificateKeeper(ReconcilerSettings settings,
                                     store::Store& store,
                                     Publisher& publisher,
                                     Executor& executor,
                                     const Clock& clock,
                                     Log& log)
    : settings_(std::move(settings)),
      store_(store),
      publisher_(publisher),
      executor_(executor),
      clock_(clock),
      log_(log),
      jitter_(settings_.seed),
      gate_(store, executor, log),
      heap_(clock, [this] { arm(); }),
      board_(publisher,
             [this](ItemId id) {
                 executor_.post([this, alive = std::weak_ptr<int>(alive_), id] {
                     if (alive.expired()) return;
                     if (CertificateItem* item = find(id); item != nullptr && item->run)
                         item->run->advance();
                 });
             }),
      keys_(executor),
      wall_offset_(wall_ahead_of_steady(clock)) {
    gate_.on_recovered([this] { pump_all(); });
}

CertificateKeeper::~CertificateKeeper() {
    stop();
}

Status CertificateKeeper::load() {
    auto certificates = store_.certificates();
    if (!certificates) return with_context("reading certificates", certificates.error());
    auto orders = store_.orders();
    if (!orders) return with_context("reading orders", orders.error());
    auto accounts = store_.accounts();
    if (!accounts) return with_context("reading accounts", accounts.error());
    auto authorities = store_.authorities();
    if (!authorities) return with_context("reading authorities", authorities.error());

    for (store::StoredCertificate& stored : *certificates) {
        CertificateItem& item = new_item(stored.record.key);
        item.stored = std::move(stored);
        item.has_row = true;
        store::CertificateRecord& record = item.stored.record;
        if (came_shorter(record)) {
            if (!record.next_at || !item.stored.version) continue;
            record.next_at = std::min(*record.next_at, item.stored.version->not_after);
            item.worth_renewing_at = record.next_at;
            continue;
        }
        if (!is_known_what_was_asked(record)) record.asked_until = wait_of_the_ca(record);
    }
    for (store::OrderRecord& order : *orders) {
        if (CertificateItem* const item = find(order.key))
            item->order = std::make_unique<store::OrderRecord>(std::move(order));
    }
    for (store::AccountRecord& account : *accounts)
        stored_accounts_[account.directory] = std::move(account);
    for (store::AuthorityRecord& authority : *authorities)
        stored_authorities_[authority.directory] = std::move(authority);
    return {};
}

void CertificateKeeper::release() {
    if (!std::exchange(held_, false) || stopped_) return;
    // What goes on may end others.
    std::vector<std::shared_ptr<OrderRun>> runs;
    for (const auto& [id, item] : items_)
        if (item.run) runs.push_back(item.run);
    for (const auto& run : runs) run->advance();
}

void CertificateKeeper::stop() {
    running_ = false;
    stopped_ = true;
    alive_ = std::make_shared<int>(0);  // whatever is posted still finds nobody
    for (auto& [id, item] : items_) item.run.reset();
    board_.clear();
    cas_.clear();
}

std::vector<Hostname> CertificateKeeper::stop_for_another() {
    auto published = board_.leave_published();
    stop();
    return published;
}

bool CertificateKeeper::answers_the_cas() const {
    return std::all_of(items_.begin(), items_.end(), [](const auto& entry) {
        const CertificateItem& item = entry.second;
        if (!item.wanted) return true;
        if (item.run) return item.run->answers_the_ca();
        return !item.order || !may_be_looked_at(*item.order);
    });
}

CertificateItem* CertificateKeeper::find(ItemId id) {
    const auto found = items_.find(id);
    return found == items_.end() ? nullptr : &found->second;
}

const CertificateItem* CertificateKeeper::find(ItemId id) const {
    const auto found = items_.find(id);
    return found == items_.end() ? nullptr : &found->second;
}

CertificateItem* CertificateKeeper::find(const store::CertificateKey& key) {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : *found;
}

CertificateKeeper::Ca* CertificateKeeper::ca_of(const CertificateItem& item) {
    const auto found = cas_.find(item.stored.record.key.directory);
    return found == cas_.end() ? nullptr : &found->second;
}

CertificateItem& CertificateKeeper::new_item(const store::CertificateKey& key) {
    if (const auto found = by_key_.find(key); found != by_key_.end()) by_key_.erase(found);
    const ItemId id = next_id_++;
    CertificateItem& item = items_[id];
    item.id = id;
    item.stored.record.key = key;
    by_key_.insert(&item);
    return item;
}

// ---- time ---------------------------------------------------------------------------------------

void CertificateKeeper::arm() {
    if (!running_) return;
    const milliseconds wait = std::min(heap_.next_wait().value_or(step_max), step_max);
    const SteadyTime at = clock_.steady_now() + wait;
    if (armed_ && *armed_ <= at) return;
    armed_ = at;
    executor_.post_after(wait, [this, alive = std::weak_ptr<int>(alive_), at] {
        if (alive.expired()) return;
        if (armed_ == at) armed_.reset();
        tick();
    });
}

void CertificateKeeper::tick() {
    follow_clock();
    // What becomes due meanwhile has its turn in the next tick, so that others have theirs.
    for (std::size_t left = heap_.size(); left > 0; --left) {
        const auto key = heap_.pop_due();
        if (!key) break;
        if ((*key & authority_bit) != 0) {
            for (auto& [directory, ca] : cas_)
                if (ca.id == (*key & ~authority_bit)) ca.authority->on_time();
        } else if (CertificateItem* item = find(*key & ~notice_bit)) {
            (*key & notice_bit) != 0 ? notice(*item) : act(*item);
        }
    }
    arm();
}

/// Somebody set the date, or the machine slept: stored waits are looked at anew.
void CertificateKeeper::follow_clock() {
    const bool before_build = clock_.now() < settings_.build_time;
    if (before_build != std::exchange(clock_before_build_, before_build)) {
        if (before_build)
            log_.error("clock_wrong",
                       "this machine's date is before this program was built: no orders",
                       {{"now", rfc3339(clock_.now())}, {"built", rfc3339(settings_.build_time)}});
        else
            log_.info("clock_right",
                      "this machine's date is possible again",
                      {{"now", rfc3339(clock_.now())}});
        pump_all();
    }
    const milliseconds offset = wall_ahead_of_steady(clock_);
    if (std::chrono::abs(offset - wall_offset_) < clock_was_set) return;
    wall_offset_ = offset;
    for (auto& [id, item] : items_) {
        if (item.run) continue;
        // What looked due by the old date may not be.
        if (Ca* ca = ca_of(item)) ca->authority->stop_waiting(id);
        schedule(item);
    }
    for (auto& [directory, ca] : cas_) ca.authority->clock_was_set();
}

/// Sets when to look at a certificate next. One with an order being driven is left to it.
void CertificateKeeper::schedule(CertificateItem& item) {
    if (item.run || item.committing) return;
    item.removal_confirmed = false;
    const WallTime now = clock_.now();
    store::CertificateRecord& record = item.stored.record;
    // The time when another life is worth an order is no wait: it comes from the version's dates.
    if (record.next_at && record.next_at != item.worth_renewing_at)
        record.next_at = std::min(*record.next_at, now + wait_max);
    if (item.wanted && is_renewal_asked(record, item.stored.version)) {
        heap_.set(item.id, std::max(now, record.next_at.value_or(now)));
    } else if (item.wanted) {
        WallTime due = due_time(record, item.stored.version, item.order_open(), now);
        const auto& version = item.stored.version;
        if (item.worth_renewing_at && version && is_valid(*version, now))
            due = std::max(due, *item.worth_renewing_at);
        heap_.set(item.id, due);
    } else if (const auto removal = deletion_time(record, item.stored.version)) {
        heap_.set(item.id, *removal);
    }
}

void CertificateKeeper::act(CertificateItem& item) {
    if (item.run) {
        item.run->on_time();
    } else if (!item.wanted) {
        remove(item);
    } else if (Ca* ca = ca_of(item); ca != nullptr && !item.committing) {
        ca->authority->wait_for_turn(urgency(item));
    }
}

void CertificateKeeper::remove(CertificateItem& item) {
    const auto removal = deletion_time(item.stored.record, item.stored.version);
    if (!removal || *removal > clock_.now()) {
        schedule(item);
        return;
    }
    if (!std::exchange(item.removal_confirmed, true)) {
        // What is deleted does not come back when the date does.
        heap_.set_after(item.id, removal_pause);
        return;
    }
    const std::array served{item.stored.version ? item.stored.certificate_id : 0,
                            item.temporary_id};
    const store::CertificateKey key = item.stored.record.key;
    log_.info("certificate_deleted",
              "no router wanted it for 30 days after it expired",
              {{"names", names_text(key.names)}, {"directory", key.directory}});
    const ItemId id = item.id;
    heap_.cancel(id | notice_bit);
    if (const auto found = by_key_.find(key); found != by_key_.end() && *found == &item)
        by_key_.erase(found);
    items_.erase(id);
    gate_.commit({store::DeleteCertificate{key}},
                 [this, alive = std::weak_ptr<int>(alive_), served](const store::Applied&) {
                     if (alive.expired()) return;
                     for (const certs::CertificateId one : served)
                         if (one != 0) publisher_.remove_certificate(one);
                 });
}

/// Speaks of a wanted certificate that nears its end, and says when to speak again.
void CertificateKeeper::notice(CertificateItem& item) {
    if (!item.stored.version || (!item.wanted && !stands_in(item))) return;
    const store::VersionFacts& version = *item.stored.version;
    const WallTime now = clock_.now();
    heap_.set(item.id | notice_bit, next_expiry_notice(version, now));
    const ExpiryLevel level = expiry_level(version, now);
    if (level == ExpiryLevel::none || clock_before_build_) return;
    const auto& error = item.stored.record.last_error;
    log_.write(level == ExpiryLevel::error ? LogLevel::error : LogLevel::warn,
               "cert_expiring",
               now >= version.not_after ? "a certificate has expired"
                                        : "a certificate nears its end and is not renewed yet",
               {{"names", names_text(item.stored.record.ordered_names)},
                {"serial", version.serial},
                {"not_after", rfc3339(version.not_after)},
                {"attempts", static_cast<std::uint64_t>(item.stored.record.attempts)},
                {"last_error", error ? error->detail : std::string{}}});
}

/// True for a certificate that nobody wants any more, but that serves a name whose own one is not
/// there yet: other names were asked for, or another CA.
bool CertificateKeeper::stands_in(const CertificateItem& item) const {
    const auto& names = item.stored.record.key.names;
    return std::any_of(names.begin(), names.end(), [this](const std::string& name) {
        const auto wanted = wanted_names_.find(name);
        const CertificateItem* own = wanted == wanted_names_.end() ? nullptr : find(wanted->second);
        return own != nullptr &&
               !(own->stored.version && is_valid(*own->stored.version, clock_.now()));
    });
}

void CertificateKeeper::pump_all() {
    for (auto& [directory, ca] : cas_) ca.authority->pump();
}

}  // namespace mesh::control
