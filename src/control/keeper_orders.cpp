// How orders begin and how they end.
#include "acme/printable.hpp"
#include "base/time_text.hpp"
#include "control/back_off.hpp"
#include "control/certificate_keeper.hpp"
#include "control/identity.hpp"
#include "control/order_words.hpp"
#include "control/schedule.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace mesh::control {

// ---- AuthorityUser ------------------------------------------------------------------------------

void CertificateKeeper::granted(ItemId id) {
    CertificateItem* item = find(id);
    Ca* ca = item != nullptr ? ca_of(*item) : nullptr;
    if (ca == nullptr) return;
    if (item->run)
        item->run->turn();
    else if (!item->wanted || item->committing)
        ca->authority->give_back(id);
    else if (item->order)
        resume(*item, *ca);
    else
        begin(*item, *ca);
}

bool CertificateKeeper::may_ask() const {
    return running_ && clock_.now() >= settings_.build_time;
}

bool CertificateKeeper::may_begin(const std::string& directory) const {
    const auto ca = cas_.find(directory);
    return ca != cas_.end() && ca->second.open_orders < settings_.open_orders_max &&
           !gate_.degraded();
}

std::optional<std::chrono::milliseconds> CertificateKeeper::longest_wait_of(ItemId id) const {
    const CertificateItem* item = find(id);
    return item == nullptr ? std::nullopt : longest_wait(item->stored.version, clock_.now());
}

// ---- beginning ----------------------------------------------------------------------------------

Urgency CertificateKeeper::urgency(const CertificateItem& item) const {
    Urgency urgency;
    if (item.stored.version && is_valid(*item.stored.version, clock_.now()))
        urgency.life_ends = item.stored.version->not_after;
    urgency.begins = !item.run;
    urgency.attempts = item.stored.record.attempts;
    urgency.id = item.id;
    return urgency;
}

OrderRun::Surroundings CertificateKeeper::surroundings(Ca& ca) {
    return {*ca.authority, gate_, board_, heap_, keys_, executor_, clock_, log_, *this, held_};
}

OrderRun::Subject CertificateKeeper::subject(const CertificateItem& item) const {
    OrderRun::Subject subject;
    subject.id = item.id;
    subject.key = item.stored.record.key;
    subject.names = item.wanted->names;
    subject.key_type = to_tls(item.wanted->key_type);
    subject.preferred_chain = item.wanted->preferred_chain;
    subject.urgency = urgency(item);
    subject.longest_wait = longest_wait(item.stored.version, clock_.now());
    return subject;
}

void CertificateKeeper::begin(CertificateItem& item, Ca& ca) {
    item.has_row = true;
    ++ca.open_orders;
    item.run = OrderRun::start(surroundings(ca),
                               subject(item),
                               item.wanted->profile,
                               {store::PutCertificate{item.stored.record}},
                               [this, alive = std::weak_ptr<int>(alive_), id = item.id] {
                                   if (alive.expired()) return;
                                   if (const CertificateItem* begun = find(id)) tell_begun(*begun);
                               });
}

void CertificateKeeper::tell_begun(const CertificateItem& item) {
    const store::CertificateRecord& record = item.stored.record;
    const std::uint64_t attempt = std::uint64_t{record.attempts} + 1;
    log_.info("order_started",
              item.stored.version ? "renewing a certificate" : "ordering a certificate",
              {{"names", names_text(record.ordered_names)},
               {"resolver", record.resolver},
               {"directory", record.key.directory},
               {"attempt", attempt}});
}

void CertificateKeeper::resume(CertificateItem& item, Ca& ca) {
    const store::OrderRecord row = std::move(*std::exchange(item.order, nullptr));
    auto run = OrderRun::resume(surroundings(ca), subject(item), row);
    if (!run) {
        log_.error("",
                   "a stored order cannot be read; another one is made",
                   {{"names", names_text(row.key.names)}, {"error", run.error().message}});
        begin(item, ca);
        return;
    }
    ++ca.open_orders;
    item.run = std::move(*run);
    item.run->turn();
}

void CertificateKeeper::end_run(CertificateItem& item) {
    heap_.cancel(item.id);
    item.run.reset();
    if (Ca* ca = ca_of(item)) --ca->open_orders;
}

// ---- how it ends --------------------------------------------------------------------------------

namespace {

/// The same wait again is not told again: only other words, or another scale of time.
bool is_another_wait(CertificateItem& item, const OrderFailure& failure, WallTime now) {
    const store::CertificateRecord& record = item.stored.record;
    const std::chrono::milliseconds wait = *record.next_at - now;
    const bool same_words = item.waits > 1 && record.last_error &&
                            record.last_error->type == failure.type &&
                            record.last_error->detail == failure.detail;
    const bool same_scale = wait <= 2 * item.told_wait && wait >= item.told_wait / 2;
    if (same_words && same_scale) return false;
    item.told_wait = wait;
    return true;
}

store::VersionFacts facts_of(const Issued& issued, WallTime now) {
    const tls::CertificateFacts& leaf = issued.credential->facts();
    store::VersionFacts facts;
    facts.not_before = leaf.not_before;
    facts.not_after = leaf.not_after;
    facts.serial = leaf.serial;
    facts.sha256 = leaf.sha256;
    facts.key_type = key_type_text(issued.credential->key());
    facts.profile = issued.profile;
    facts.source = "acme";
    facts.created = now;
    return facts;
}

}  // namespace

void CertificateKeeper::order_failed(ItemId id, OrderFailure failure) {
    CertificateItem* item = find(id);
    if (item == nullptr || !item->run) return;
    const WallTime now = clock_.now();
    const store::OrderRecord row = item->run->row();
    end_run(*item);

    store::CertificateRecord& record = item->stored.record;
    if (failure.counted) {
        item->waits = 0;
        ++record.attempts;
        record.next_at =
            next_attempt(record.attempts, item->stored.version, failure.retry_at, now, jitter_);
    } else {
        ++item->waits;
        record.next_at =
            next_wait(item->waits, item->stored.version, failure.retry_at, now, jitter_);
    }
    // Not empty: a start tells by this that nothing was asked from that it is not known.
    record.asked_until = failure.retry_at.value_or(now);
    if (!failure.keep_order) record.renewal_asked.reset();
    const bool is_news = failure.counted || is_another_wait(*item, failure, now);
    record.state = asked_as(*item->wanted);
    record.last_error = store::LastError{failure.type, failure.detail, now};
    store::Transition change{store::PutCertificate{record}};
    if (failure.keep_order) {
        item->order = std::make_unique<store::OrderRecord>(row);
    } else {
        change.push_back(store::DeleteOrder{record.key});
    }
    if (is_news) {
        change.push_back(store::AddHistory{
            {record.key, now, "failed", acme::printable(failure.type + ": " + failure.detail)}});
        tell_failure(record, failure);
    }
    gate_.commit(std::move(change));
    schedule(*item);
    if (Ca* ca = ca_of(*item)) ca->authority->pump();
}

void CertificateKeeper::tell_failure(const store::CertificateRecord& record,
                                     const OrderFailure& failure) {
    log_.warn("order_failed",
              failure.keep_order ? "an order waits" : "an order failed",
              {{"certificate", names_text(record.key.names)},
               {"names", names_text(record.ordered_names)},
               {"resolver", record.resolver},
               {"type", failure.type},
               {"detail", failure.detail},
               {"attempt", static_cast<std::uint64_t>(record.attempts)},
               {"next_at", rfc3339(record.next_at.value_or(clock_.now()))}});
}

namespace {

/// What is served lives longer than what came in its place, and is of the kind that is wanted.
bool outlives(const store::VersionFacts& current, const store::VersionFacts& next, WallTime now) {
    return is_valid(current, now) && next.not_after < current.not_after &&
           next.key_type == current.key_type && next.profile == current.profile;
}

/// Names of a certificate that nobody ordered, one line.
std::string strangers(const std::vector<HostPattern>& names,
                      const std::vector<std::string>& ordered) {
    std::vector<std::string> result;
    for (const HostPattern& name : names)
        if (std::find(ordered.begin(), ordered.end(), name.text()) == ordered.end())
            result.push_back(name.text());
    return result.empty() ? std::string() : names_text(result);
}

}  // namespace

/// The CA gives shorter lives than it did. Asked again at once it would do the same: the time to
/// renew is when half of what it gives would lie beyond the end of what is served.
void CertificateKeeper::keep_current(CertificateItem& item, const store::VersionFacts& refused) {
    const WallTime now = clock_.now();
    const store::VersionFacts& current = *item.stored.version;
    item.worth_renewing_at = current.not_after - life_left(refused, now) / 2;
    store::CertificateRecord& record = item.stored.record;
    record.attempts = 0;
    record.next_at = item.worth_renewing_at;
    record.last_error = store::LastError{
        "mesh:shorter",
        "the CA sent a certificate that ends before the one that is served, which stays: " +
            rfc3339(refused.not_after) + ", " + rfc3339(current.not_after),
        now};
    log_.warn("",
              "a new certificate ends before the one that is served, which stays",
              {{"names", names_text(record.ordered_names)},
               {"not_after", rfc3339(refused.not_after)},
               {"served_until", rfc3339(current.not_after)},
               {"next_at", rfc3339(*record.next_at)}});
    gate_.commit({store::PutCertificate{record},
                  store::DeleteOrder{record.key},
                  store::AddHistory{{record.key, now, "refused", record.last_error->detail}}});
    schedule(item);
    if (Ca* ca = ca_of(item)) ca->authority->pump();
}

/// What is worth a word though it goes live.
void CertificateKeeper::tell_surprises(const CertificateItem& item,
                                       const std::vector<HostPattern>& names,
                                       const store::VersionFacts& facts) {
    const std::vector<std::string>& ordered = item.stored.record.ordered_names;
    const std::string more = strangers(names, ordered);
    if (!more.empty())
        log_.warn("",
                  "the CA put names into a certificate that were not ordered",
                  {{"names", names_text(ordered)}, {"not_ordered", more}});
    const std::optional<store::VersionFacts>& current = item.stored.version;
    if (current && lifetime(facts) < lifetime(*current) / 2)
        log_.warn("",
                  "a certificate's life is much shorter than that of the one before; it is renewed "
                  "by its own dates",
                  {{"names", names_text(ordered)},
                   {"not_after", rfc3339(facts.not_after)},
                   {"renewal_at", rfc3339(renewal_time(facts))}});
}

void CertificateKeeper::order_issued(ItemId id, Issued issued) {
    CertificateItem* item = find(id);
    if (item == nullptr || !item->run) return;
    const tls::CertificateFacts& leaf = issued.credential->facts();
    const std::optional<store::VersionFacts>& current = item->stored.version;
    if (current && current->sha256 == leaf.sha256) {
        OrderFailure failure;
        failure.type = "mesh:unproven";
        failure.detail = "the CA sent the certificate that is here already";
        order_failed(id, std::move(failure));
        return;
    }
    const bool asked_by_a_person = is_renewal_asked(item->stored.record, current);
    end_run(*item);
    item->stored.record.renewal_asked.reset();
    store::VersionFacts facts = facts_of(issued, clock_.now());
    // Who asks for another one has a reason, such as a key that others may know.
    if (current && !asked_by_a_person && outlives(*current, facts, facts.created)) {
        keep_current(*item, facts);
        return;
    }
    tell_surprises(*item, leaf.names, facts);
    commit_issued(*item, std::move(issued), std::move(facts));
    if (Ca* ca = ca_of(*item)) ca->authority->pump();
}

void CertificateKeeper::commit_issued(CertificateItem& item,
                                      Issued issued,
                                      store::VersionFacts facts) {
    store::CertificateRecord& record = item.stored.record;
    item.worth_renewing_at.reset();
    item.waits = 0;
    record.asked_until.reset();
    record.attempts = 0;
    record.next_at.reset();
    record.last_error.reset();
    record.state.clear();
    item.stored.version = facts;
    item.committing = true;

    const auto shared = std::make_shared<const Issued>(std::move(issued));
    const ItemId id = item.id;
    const auto alive = std::weak_ptr<int>(alive_);
    gate_.commit(
        {store::PutCertificate{record},
         store::PutVersion{record.key, shared->chain_pem, shared->key_pem, facts},
         store::DeleteOrder{record.key},
         store::AddHistory{{record.key,
                            facts.created,
                            "issued",
                            "serial " + facts.serial + ", until " + rfc3339(facts.not_after)}}},
        [this, alive, id, shared](const store::Applied& applied) {
            if (!alive.expired()) committed(id, applied, *shared);
        },
        [this, alive, id, shared](const Error&) {
            if (alive.expired()) return;
            if (CertificateItem* waiting = find(id)) serve_uncommitted(*waiting, *shared);
        },
        [this, alive, id, shared](const Error&) {
            if (!alive.expired()) refused_by_store(id, *shared);
        });
}

/// The one way to get live: the version is on disk.
void CertificateKeeper::committed(ItemId id, const store::Applied& applied, const Issued& issued) {
    CertificateItem* item = find(id);
    if (item == nullptr) return;
    item->committing = false;
    item->stored.certificate_id = applied.certificate_id;
    item->stored.version_id = applied.version_id;
    publish(*item, applied.certificate_id, applied.version_id, issued, true);
    if (const auto temporary = std::exchange(item->temporary_id, 0); temporary != 0)
        publisher_.remove_certificate(temporary);
    const store::VersionFacts& facts = *item->stored.version;
    log_.info("cert_live",
              "a certificate is stored and served",
              {{"names", names_text(item->stored.record.ordered_names)},
               {"resolver", item->stored.record.resolver},
               {"serial", facts.serial},
               {"not_after", rfc3339(facts.not_after)},
               {"renewal_at", rfc3339(renewal_time(facts))}});
    schedule(*item);
    notice(*item);
}

/// The disk does not take it: a certificate that was paid for is served from memory meanwhile.
void CertificateKeeper::serve_uncommitted(CertificateItem& item, const Issued& issued) {
    // Far below the numbers of certificates from files, which count down from -1.
    const certs::CertificateId unused =
        std::numeric_limits<certs::CertificateId>::min() + next_temporary_++;
    const bool has_stored = item.stored.certificate_id != 0 && item.stored.version_id != 0;
    if (!has_stored && item.temporary_id == 0) item.temporary_id = unused;
    const certs::CertificateId id =
        item.temporary_id != 0 ? item.temporary_id : item.stored.certificate_id;
    publish(item, id, unused, issued, false);
    log_.warn("",
              "a new certificate is not stored; it is served from memory",
              {{"names", names_text(item.stored.record.ordered_names)},
               {"serial", item.stored.version->serial}});
    notice(item);
}

/// The store will never take it. Another order would bring another one the store does not take, so
/// it is served from memory until it is due.
void CertificateKeeper::refused_by_store(ItemId id, const Issued& issued) {
    CertificateItem* item = find(id);
    if (item == nullptr) return;
    item->committing = false;
    serve_uncommitted(*item, issued);
    schedule(*item);
}

void CertificateKeeper::publish(const CertificateItem& item,
                                certs::CertificateId id,
                                certs::VersionId version,
                                const Issued& issued,
                                bool stored) {
    auto entry = std::make_shared<certs::CertificateEntry>();
    entry->id = id;
    entry->version = version;
    entry->names = issued.credential->facts().names;
    entry->directory = item.stored.record.key.directory;
    entry->not_before = item.stored.version->not_before;
    entry->not_after = item.stored.version->not_after;
    entry->can_be_loaded = stored;
    publisher_.put_certificate(std::move(entry), issued.credential);
}

}  // namespace mesh::control
