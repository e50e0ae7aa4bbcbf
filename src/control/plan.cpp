#include "control/plan.hpp"

#include "base/time_text.hpp"
#include "control/identity.hpp"
#include "control/schedule.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace mesh::control {

CertificateState state_of(const std::optional<store::VersionFacts>& version, WallTime now) {
    if (!version) return CertificateState::missing;
    if (now >= version->not_after) return CertificateState::expired;
    if (now < version->not_before) return CertificateState::not_yet_valid;
    return now >= renewal_time(*version) ? CertificateState::due : CertificateState::valid;
}

namespace {

OpenOrder open_order(const store::OrderRecord& row) {
    OpenOrder order;
    order.url = row.url;
    order.status = row.status;
    order.created = row.created;
    for (const store::AuthorizationRecord& authorization : row.authorizations)
        order.names.push_back({authorization.name, authorization.status, authorization.responded});
    return order;
}

/// Why a wanted certificate is looked at when due_time says.
std::string why(const store::CertificateRecord& record,
                const std::optional<store::VersionFacts>& version,
                bool order_open,
                WallTime now) {
    store::CertificateRecord patient = record;
    patient.next_at.reset();
    const bool waits =
        record.next_at && *record.next_at > due_time(patient, version, order_open, now);
    if (waits && record.attempts > 0)
        return "it waits after failed attempts; mesh certs renew ends a wait that the CA did not "
               "ask for";
    if (waits && came_shorter(record))
        return "the CA gives shorter lives now: one it gave sooner would not replace this one";
    if (waits) return "the CA asked to wait";
    if (order_open) return "its order is open and goes on";
    if (!version) return "there is no certificate yet";
    if (now >= version->not_after) return "it has expired";
    if (is_renewal_asked(record, version)) return "mesh certs renew asked for it";
    return lifetime(*version) < short_lifetime ? "half of its life is over then"
                                               : "two thirds of its life are over then";
}

/// The store's rows by identity, and how to make lines of them.
class Rows {
 public:
    Rows(const std::vector<store::StoredCertificate>& stored,
         const std::vector<store::AuthorityRecord>& authorities,
         const std::vector<store::OrderRecord>& orders,
         WallTime now)
        : now_(now) {
        for (const auto& certificate : stored)
            certificates_.emplace(certificate.record.key, &certificate);
        for (const auto& authority : authorities)
            authorities_.emplace(authority.directory, &authority);
        for (const auto& order : orders) open_orders_.emplace(order.key, &order);
    }

    [[nodiscard]] PlanLine wanted_line(const model::WantedCertificate& wanted) const {
        const store::CertificateKey key = to_store(wanted.key);
        PlanLine line = stored_line(key);
        line.names = texts(wanted.names);
        line.resolver = wanted.resolver;
        line.routers = wanted.routers;
        schedule(line, key, asked_as(wanted));
        add_change_notes(line, key, wanted);
        return line;
    }

    [[nodiscard]] PlanLine unwanted_line(const store::StoredCertificate& stored) const {
        PlanLine line = stored_line(stored.record.key);
        line.state = CertificateState::unwanted;
        store::CertificateRecord record = stored.record;
        if (!record.unwanted_since) record.unwanted_since = now_;
        line.next_action = NextAction::remove;
        line.why = "no router wants it; it is kept for 30 days after it expired";
        line.next_at = deletion_time(record, stored.version);
        return line;
    }

    [[nodiscard]] PlanLine line_of_stored(const store::StoredCertificate& stored) const {
        if (stored.record.unwanted_since) return unwanted_line(stored);
        PlanLine line = stored_line(stored.record.key);
        schedule(line, stored.record.key, stored.record.state);
        return line;
    }

 private:
    [[nodiscard]] const store::StoredCertificate* find(const store::CertificateKey& key) const {
        const auto found = certificates_.find(key);
        return found == certificates_.end() ? nullptr : found->second;
    }

    [[nodiscard]] PlanLine stored_line(const store::CertificateKey& key) const {
        PlanLine line;
        line.names = key.names;
        line.directory = key.directory;
        const store::StoredCertificate* stored = find(key);
        if (stored == nullptr) return line;
        if (!stored->record.ordered_names.empty()) line.names = stored->record.ordered_names;
        line.resolver = stored->record.resolver;
        line.attempts = stored->record.attempts;
        line.last_error = stored->record.last_error;
        line.state = state_of(stored->version, now_);
        if (!stored->version) return line;
        line.serial = stored->version->serial;
        line.sha256 = stored->version->sha256;
        line.source = stored->version->source;
        line.key_type = stored->version->key_type;
        line.not_before = stored->version->not_before;
        line.not_after = stored->version->not_after;
        return line;
    }

    void schedule(PlanLine& line,
                  const store::CertificateKey& key,
                  const std::string& asked) const {
        const store::StoredCertificate* stored = find(key);
        const auto order = open_orders_.find(key);
        const bool order_open = order != open_orders_.end();
        if (order_open) line.open_order = open_order(*order->second);
        const auto version = stored != nullptr ? stored->version : std::nullopt;
        store::CertificateRecord record =
            stored != nullptr ? stored->record : store::CertificateRecord{};
        if (record.attempts > 0 && record.state != asked) ask_otherwise(record);

        line.next_action = order_open ? NextAction::continue_order
                           : version  ? NextAction::renew
                                      : NextAction::order;
        line.next_at = due_time(record, version, order_open, now_);
        line.why = why(record, version, order_open, now_);
        add_authority(line, key.directory);
    }

    void add_authority(PlanLine& line, const std::string& directory) const {
        const auto found = authorities_.find(directory);
        if (found == authorities_.end()) return;
        const std::optional<WallTime>& not_before = found->second->retry_not_before;
        if (!not_before || *not_before <= *line.next_at) return;
        line.next_at = *not_before;
        line.why = "the CA is not asked before";
        line.notes.push_back("nothing is asked of the CA before " + rfc3339(*not_before) + ": " +
                             found->second->reason);
    }

    void add_change_notes(PlanLine& line,
                          const store::CertificateKey& key,
                          const model::WantedCertificate& wanted) const {
        const store::StoredCertificate* stored = find(key);
        if (stored == nullptr || !stored->version) return;
        const std::string_view key_type = key_type_text(wanted.key_type);
        if (!line.key_type.empty() && line.key_type != key_type)
            line.notes.push_back("keyType changes from " + line.key_type + " to " +
                                 std::string(key_type) + " at the next renewal");
        const bool ours = stored->version->source == "acme";
        if (ours && stored->version->profile != wanted.profile)
            line.notes.push_back("profile changes to " +
                                 (wanted.profile.empty() ? "the CA's default" : wanted.profile) +
                                 std::string(" at the next renewal"));
    }

    WallTime now_;
    std::map<store::CertificateKey, const store::StoredCertificate*> certificates_;
    std::map<std::string, const store::AuthorityRecord*> authorities_;
    std::map<store::CertificateKey, const store::OrderRecord*> open_orders_;
};

std::vector<const store::StoredCertificate*> by_identity(
    const std::vector<store::StoredCertificate>& stored) {
    std::vector<const store::StoredCertificate*> sorted;
    sorted.reserve(stored.size());
    for (const auto& certificate : stored) sorted.push_back(&certificate);
    std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) {
        return a->record.key < b->record.key;
    });
    return sorted;
}

}  // namespace

std::string_view to_string(CertificateState state) {
    switch (state) {
        case CertificateState::missing:
            return "missing";
        case CertificateState::valid:
            return "valid";
        case CertificateState::due:
            return "due";
        case CertificateState::expired:
            return "expired";
        case CertificateState::not_yet_valid:
            return "not_yet_valid";
        case CertificateState::unwanted:
            return "unwanted";
    }
    return "missing";
}

std::string_view to_string(NextAction action) {
    switch (action) {
        case NextAction::none:
            return "none";
        case NextAction::order:
            return "order";
        case NextAction::renew:
            return "renew";
        case NextAction::continue_order:
            return "continue_order";
        case NextAction::remove:
            return "remove";
    }
    return "none";
}

Plan plan(const model::WantedSet& wanted,
          const std::vector<store::StoredCertificate>& stored,
          const std::vector<store::AuthorityRecord>& authorities,
          const std::vector<store::OrderRecord>& orders,
          WallTime now) {
    const Rows rows{stored, authorities, orders, now};
    Plan result;
    result.not_ordered = wanted.not_ordered;
    std::set<store::CertificateKey> named;
    for (const model::WantedCertificate& certificate : wanted.certificates) {
        named.insert(to_store(certificate.key));
        result.certificates.push_back(rows.wanted_line(certificate));
    }
    for (const store::StoredCertificate* certificate : by_identity(stored))
        if (!named.contains(certificate->record.key))
            result.certificates.push_back(rows.unwanted_line(*certificate));
    return result;
}

Plan plan_of_stored(const std::vector<store::StoredCertificate>& stored,
                    const std::vector<store::AuthorityRecord>& authorities,
                    const std::vector<store::OrderRecord>& orders,
                    WallTime now) {
    const Rows rows{stored, authorities, orders, now};
    Plan result;
    for (const store::StoredCertificate* certificate : by_identity(stored))
        result.certificates.push_back(rows.line_of_stored(*certificate));
    return result;
}

}  // namespace mesh::control
