// What people import into a running mesh: it is checked, stored, and served once it is stored.
#include "base/time_text.hpp"
#include "control/certificate_keeper.hpp"
#include "control/identity.hpp"

#include <utility>

namespace mesh::control {
namespace {

/// What an import brought. The rest of the row may have changed by a reload while it was stored.
void take_over(CertificateItem& item,
               const store::CertificateRecord& imported,
               const store::VersionFacts& facts) {
    store::CertificateRecord& record = item.stored.record;
    record.attempts = imported.attempts;
    record.next_at = imported.next_at;
    record.last_error = imported.last_error;
    if (!item.wanted) {
        record.ordered_names = imported.ordered_names;
        record.resolver = imported.resolver;
    }
    item.stored.version = facts;
    item.worth_renewing_at.reset();
}

ImportLine refused(ImportLine line, std::string why) {
    line.outcome = ImportOutcome::refused;
    line.message = std::move(why);
    return line;
}

constexpr const char* stopping = "mesh is stopping";

}  // namespace

void CertificateKeeper::import(const ImportTarget& target,
                               std::vector<ImportItem> items,
                               ImportDone done) {
    struct Gathered {
        std::vector<ImportLine> lines;
        std::size_t missing = 0;
        ImportDone done;
    };
    const auto gathered = std::make_shared<Gathered>();
    gathered->lines.resize(items.size());
    gathered->missing = items.size() + 1;
    gathered->done = std::move(done);
    const auto arrive = [gathered] {
        if (--gathered->missing == 0) gathered->done(std::move(gathered->lines));
    };
    for (std::size_t i = 0; i < items.size(); ++i)
        import_one(target, items[i], [gathered, arrive, i](ImportLine line) {
            gathered->lines[i] = std::move(line);
            arrive();
        });
    arrive();
}

void CertificateKeeper::import_one(const ImportTarget& target,
                                   const ImportItem& from,
                                   const std::function<void(ImportLine)>& done) {
    const auto stored =
        [this](const store::CertificateKey& key) -> const store::StoredCertificate* {
        const CertificateItem* const item = find(key);
        return item == nullptr ? nullptr : &item->stored;
    };
    auto batch = Import::against(stored, target).add({&from, 1}, clock_.now());
    ImportLine line = std::move(batch.lines.front());
    if (batch.transition.empty()) return done(std::move(line));
    if (gate_.degraded()) return done(refused(std::move(line), "the store takes no changes"));

    const auto& put = std::get<store::PutCertificate>(batch.transition.front()).certificate;
    CertificateItem* const known = find(put.key);
    if (known != nullptr && known->import) {
        known->import->later.push_back([this, target, from, done, line](bool goes_on) {
            if (goes_on) return import_one(target, from, done);
            done(refused(line, stopping));
        });
        return;
    }
    if (known != nullptr && known->committing)
        return done(refused(std::move(line),
                            "another certificate of these names is being stored; try again"));
    store_import(known != nullptr ? *known : new_item(put.key),
                 std::move(batch),
                 [done, line = std::move(line)](const std::optional<std::string>& objection) {
                     done(objection ? refused(line, *objection) : line);
                 });
}

/// Ends what the item has under way, and writes the rows of `batch`, which holds one certificate.
void CertificateKeeper::store_import(CertificateItem& item, Import::Batch batch, Stored told) {
    if (item.run) {
        item.order = std::make_unique<store::OrderRecord>(item.run->row());
        end_run(item);
    }
    if (Ca* ca = ca_of(item)) ca->authority->stop_waiting(item.id);
    item.committing = true;
    item.import = std::make_shared<ImportUnderWay>();
    Imported rows{std::get<store::PutCertificate>(batch.transition.at(0)).certificate,
                  std::get<store::PutVersion>(batch.transition.at(1)).facts,
                  {}};
    rows.issued.credential = batch.credentials.front();
    // Not by the gate: who imports wants to hear of a failure, not to wait until it is mended.
    store_.apply(std::move(batch.transition),
                 executor_,
                 [this,
                  alive = std::weak_ptr<int>(alive_),
                  id = item.id,
                  under_way = item.import,
                  rows = std::make_shared<const Imported>(std::move(rows)),
                  told = std::move(told)](const Result<store::Applied>& applied) {
                     CertificateItem* const waiting = alive.expired() ? nullptr : find(id);
                     if (waiting != nullptr) end_import(*waiting, *rows, applied);
                     if (!applied)
                         told(applied.error().message);
                     else
                         told(waiting != nullptr ? std::nullopt : std::optional(stopping));
                     for (const auto& next : under_way->later) next(!alive.expired());
                 });
    // Its turn, if it had one, is somebody else's now.
    if (Ca* ca = ca_of(item)) ca->authority->pump();
}

void CertificateKeeper::end_import(CertificateItem& item,
                                   const Imported& rows,
                                   const Result<store::Applied>& applied) {
    const bool row_changed = std::exchange(item.import, nullptr)->row_changed;
    item.committing = false;
    if (applied) {
        take_over(item, rows.record, rows.facts);
        serve_imported(item, *applied, rows.issued);
    }
    if (row_changed && item.has_row) gate_.commit({store::PutCertificate{item.stored.record}});
    schedule(item);
    if (applied) notice(item);
}

void CertificateKeeper::serve_imported(CertificateItem& item,
                                       const store::Applied& applied,
                                       const Issued& issued) {
    item.has_row = true;
    item.order.reset();
    item.waits = 0;
    item.stored.record.renewal_asked.reset();
    item.stored.certificate_id = applied.certificate_id;
    item.stored.version_id = applied.version_id;
    publish(item, applied.certificate_id, applied.version_id, issued, true);
    if (const auto temporary = std::exchange(item.temporary_id, 0); temporary != 0)
        publisher_.remove_certificate(temporary);
    log_.info("cert_live",
              "an imported certificate is stored and served",
              {{"names", names_text(item.stored.record.ordered_names)},
               {"resolver", item.stored.record.resolver},
               {"serial", item.stored.version->serial},
               {"not_after", rfc3339(item.stored.version->not_after)}});
}

}  // namespace mesh::control
