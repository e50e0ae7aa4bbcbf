// What people ask of a running mesh.
#include "control/certificate_keeper.hpp"
#include "control/identity.hpp"
#include "control/schedule.hpp"

#include <algorithm>
#include <utility>

namespace mesh::control {
namespace {

/// True if a certificate with these names serves `asked`.
bool has_name(const std::vector<std::string>& names, const HostPattern& asked) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
        if (name == asked.text()) return true;
        if (!name.starts_with("*.")) return false;
        const auto pattern = HostPattern::parse(name);
        return pattern && pattern->covers(asked);
    });
}

bool is_served_or_wanted(const CertificateItem& item) {
    return item.wanted || item.has_row || item.stored.version;
}

store::OrderRecord without_key(store::OrderRecord row) {
    row.key_pem = {};
    return row;
}

}  // namespace

std::string_view to_string(RenewOutcome outcome) {
    switch (outcome) {
        case RenewOutcome::asked:
            return "asked";
        case RenewOutcome::under_way:
            return "under_way";
        case RenewOutcome::waits:
            return "waits";
        case RenewOutcome::refused:
            return "refused";
    }
    return "refused";
}

// ---- looking ------------------------------------------------------------------------------------

LinePage CertificateKeeper::lines(const LineQuery& query) const {
    LinePage page;
    model::WantedSet wanted;
    std::vector<store::StoredCertificate> stored;
    std::vector<store::OrderRecord> orders;
    std::optional<store::CertificateKey> last;
    std::size_t taken = 0;
    auto at = query.after ? by_key_.upper_bound(*query.after) : by_key_.begin();
    for (; at != by_key_.end(); ++at) {
        const CertificateItem& item = **at;
        const store::CertificateKey& key = item.stored.record.key;
        if (!is_served_or_wanted(item)) continue;
        if (query.name && !has_name(key.names, *query.name)) continue;
        if (taken++ == query.limit) {
            page.last = last;
            break;
        }
        last = key;
        if (item.wanted) wanted.certificates.push_back(*item.wanted);
        stored.push_back(item.stored);
        if (item.run)
            orders.push_back(without_key(item.run->row()));
        else if (item.order)
            orders.push_back(without_key(*item.order));
    }
    std::vector<store::AuthorityRecord> authorities;
    for (const auto& [directory, ca] : cas_) {
        const AuthorityStanding standing = ca.authority->standing();
        authorities.push_back({directory, standing.until, standing.reason});
    }
    page.lines = plan(wanted, stored, authorities, orders, clock_.now()).certificates;
    return page;
}

std::map<CertificateState, std::size_t> CertificateKeeper::states() const {
    std::map<CertificateState, std::size_t> counts;
    for (const auto& [id, item] : items_) {
        if (item.wanted)
            ++counts[state_of(item.stored.version, clock_.now())];
        else if (is_served_or_wanted(item))
            ++counts[CertificateState::unwanted];
    }
    return counts;
}

std::vector<CaLine> CertificateKeeper::authorities() const {
    std::vector<CaLine> lines;
    for (const auto& [directory, ca] : cas_) {
        const AuthorityStanding standing = ca.authority->standing();
        lines.push_back({directory, std::string(standing.state), standing.until, standing.reason});
    }
    return lines;
}

// ---- renewing -----------------------------------------------------------------------------------

std::vector<RenewLine> CertificateKeeper::renew(const RenewRequest& request) {
    std::vector<RenewLine> lines;
    std::vector<ItemId> chosen;
    for (const CertificateItem* const each : by_key_) {
        const CertificateItem& item = *each;
        if (!is_served_or_wanted(item)) continue;
        const bool failed = request.failed && item.wanted && item.stored.record.last_error &&
                            !came_shorter(item.stored.record);
        const bool named =
            std::any_of(request.names.begin(), request.names.end(), [&](const HostPattern& name) {
                return has_name(item.stored.record.key.names, name);
            });
        if (failed || named) chosen.push_back(item.id);
    }
    lines.reserve(lines.size() + chosen.size());
    for (const ItemId id : chosen) lines.push_back(renew_one(items_.at(id)));
    return lines;
}

/// Why no order can begin now although a person wants one.
std::optional<RenewLine> CertificateKeeper::reason_to_wait(const CertificateItem& item) {
    RenewLine line;
    line.outcome = RenewOutcome::waits;
    const WallTime now = clock_.now();
    Ca* const ca = ca_of(item);
    const auto& asked_until = item.stored.record.asked_until;
    if (asked_until && *asked_until > now) {
        line.until = asked_until;
        const auto& error = item.stored.record.last_error;
        line.reason = "the CA asked to wait" + (error ? ": " + error->detail : std::string{});
        return line;
    }
    if (!may_ask()) {
        line.reason = "this machine's date is before this program was built";
        return line;
    }
    if (ca == nullptr) return std::nullopt;
    ca->authority->end_own_pause();
    const AuthorityStanding standing = ca->authority->standing();
    if (!standing.until) return std::nullopt;
    line.until = standing.until;
    line.reason = standing.reason;
    return line;
}

RenewLine CertificateKeeper::renew_one(CertificateItem& item) {
    store::CertificateRecord& record = item.stored.record;
    RenewLine line;
    if (!item.wanted) {
        line.reason = "no router wants it";
    } else if (item.run || item.committing) {
        line.outcome = RenewOutcome::under_way;
        if (auto waits = item.run ? reason_to_wait(item) : std::nullopt) line = std::move(*waits);
    } else if (gate_.degraded()) {
        line.reason = "the store takes no changes";
    } else {
        item.waits = 0;
        item.told_wait = {};
        const bool is_news = !is_renewal_asked(record, item.stored.version);
        const WallTime now = clock_.now();
        record.attempts = 0;
        record.next_at.reset();
        if (record.asked_until && *record.asked_until > now) record.next_at = record.asked_until;
        // By a clock that was ahead, what is there may be of a time to come.
        record.renewal_asked =
            item.stored.version ? std::max(now, item.stored.version->created) : now;
        if (item.has_row && is_news)
            gate_.commit({store::PutCertificate{record},
                          store::AddHistory{{record.key, now, "renewal asked", "by a command"}}});
        if (auto waits = reason_to_wait(item))
            line = std::move(*waits);
        else
            line.outcome = RenewOutcome::asked;
        schedule(item);
    }
    line.names = record.ordered_names.empty() ? record.key.names : record.ordered_names;
    line.directory = record.key.directory;
    return line;
}

}  // namespace mesh::control
