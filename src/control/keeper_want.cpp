// What is wanted against what there is.
#include "control/certificate_keeper.hpp"
#include "control/identity.hpp"
#include "control/schedule.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace mesh::control {
namespace {

constexpr std::size_t changes_per_commit = 500;

}  // namespace

void CertificateKeeper::want(const model::WantedSet& wanted,
                             const std::map<std::string, model::CertResolver>& resolvers) {
    if (stopped_) return;
    running_ = true;
    follow_clock();
    std::set<store::CertificateKey> keys;
    std::set<std::string> directories;
    for (const model::WantedCertificate& certificate : wanted.certificates) {
        keys.insert(to_store(certificate.key));
        directories.insert(certificate.key.directory);
    }
    store::Transition changes;
    for (auto& [id, item] : items_)
        if (!keys.contains(item.stored.record.key)) unwant(item, changes);
    drop_unused_authorities();
    // Resolvers of one CA share its account and its client: that of the first by name.
    for (const auto& [name, resolver] : resolvers)
        if (directories.erase(resolver.ca_server) > 0)
            prepare_authority(resolver.ca_server, resolver);
    wanted_names_.clear();
    for (const model::WantedCertificate& certificate : wanted.certificates)
        want_one(certificate, changes);
    for (auto& [id, item] : items_)
        if (!item.wanted && !heap_.contains(id | notice_bit)) notice(item);
    commit_in_parts(std::move(changes));
    pump_all();
    arm();
}

void CertificateKeeper::want_one(const model::WantedCertificate& wanted,
                                 store::Transition& changes) {
    const store::CertificateKey key = to_store(wanted.key);
    CertificateItem* const known = find(key);
    CertificateItem& item = known == nullptr ? new_item(key) : *known;
    const bool is_news = !item.wanted;
    item.wanted = std::make_unique<model::WantedCertificate>(wanted);
    for (const std::string& name : key.names) wanted_names_[name] = item.id;

    store::CertificateRecord& record = item.stored.record;
    record.ordered_names = texts(wanted.names);
    record.resolver = wanted.resolver;
    const bool asked_otherwise = record.attempts > 0 && record.state != asked_as(wanted);
    if (asked_otherwise) {
        ask_otherwise(record);
        item.waits = 0;
        item.told_wait = {};
    }
    if (std::exchange(record.unwanted_since, std::nullopt)) put_row(item, changes);
    if (is_news || asked_otherwise || !heap_.contains(item.id)) schedule(item);
    if (is_news) notice(item);
}

void CertificateKeeper::unwant(CertificateItem& item, store::Transition& changes) {
    if (item.run) {
        // The row stays: wanted again, the order goes on.
        item.order = std::make_unique<store::OrderRecord>(item.run->row());
        end_run(item);
    }
    if (Ca* ca = ca_of(item)) ca->authority->stop_waiting(item.id);
    item.wanted.reset();
    if (!item.stored.record.unwanted_since) {
        item.stored.record.unwanted_since = clock_.now();
        put_row(item, changes);
    }
    schedule(item);
}

void CertificateKeeper::put_row(CertificateItem& item, store::Transition& changes) {
    if (item.import)
        item.import->row_changed = true;
    else if (item.has_row)
        changes.push_back(store::PutCertificate{item.stored.record});
}

void CertificateKeeper::order_again(std::int64_t certificate_id, std::int64_t version_id) {
    const auto found = std::find_if(items_.begin(), items_.end(), [&](const auto& entry) {
        const store::StoredCertificate& stored = entry.second.stored;
        return stored.certificate_id == certificate_id && stored.version_id == version_id;
    });
    if (stopped_ || found == items_.end() || !found->second.wanted) return;
    CertificateItem& item = found->second;
    if (item.committing) return;
    log_.warn("certificate_lost",
              "neither the store nor its copy has this certificate any more: it is ordered again",
              {{"names", names_text(item.stored.record.ordered_names)}});
    item.stored.version.reset();
    item.stored.version_id = 0;
    item.worth_renewing_at.reset();
    if (came_shorter(item.stored.record)) item.stored.record.next_at.reset();
    schedule(item);
}

void CertificateKeeper::prepare_authority(const std::string& directory,
                                          const model::CertResolver& resolver) {
    Ca& ca = cas_[directory];
    if (ca.authority == nullptr) {
        ca.id = next_id_++;
        const auto stored = [&](const auto& records) {
            const auto found = records.find(directory);
            return found == records.end() ? std::nullopt : std::optional{found->second};
        };
        ca.authority = std::make_unique<Authority>(directory,
                                                   Authority::Surroundings{heap_,
                                                                           ca.id | authority_bit,
                                                                           gate_,
                                                                           clock_,
                                                                           log_,
                                                                           jitter_,
                                                                           settings_.build_time,
                                                                           *this},
                                                   stored(stored_accounts_),
                                                   stored(stored_authorities_));
    }
    if (ca.authority->uses(resolver)) return;
    for (const ItemId orphan : ca.authority->use(resolver, settings_.make_client(resolver)))
        if (CertificateItem* item = find(orphan); item != nullptr && item->run)
            item->run->answer_lost();
}

/// A CA nobody wants anything from is forgotten; its account stays in the store.
void CertificateKeeper::drop_unused_authorities() {
    std::set<std::string> used;
    for (const auto& [id, item] : items_)
        if (item.wanted) used.insert(item.stored.record.key.directory);
    for (auto ca = cas_.begin(); ca != cas_.end();) {
        if (used.contains(ca->first)) {
            ++ca;
            continue;
        }
        heap_.cancel(ca->second.id | authority_bit);
        ca->second.authority->save(stored_accounts_, stored_authorities_);
        ca = cas_.erase(ca);
    }
}

void CertificateKeeper::commit_in_parts(store::Transition changes) {
    store::Transition part;
    for (store::Change& change : changes) {
        part.push_back(std::move(change));
        if (part.size() < changes_per_commit) continue;
        gate_.commit(std::exchange(part, {}));
    }
    if (!part.empty()) gate_.commit(std::move(part));
}

}  // namespace mesh::control
