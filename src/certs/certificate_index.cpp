#include "certs/certificate_index.hpp"

#include <algorithm>
#include <tuple>

namespace mesh::certs {

bool may_pass(Errc why) {
    switch (why) {
        case Errc::io:
        case Errc::timeout:
        case Errc::permission:
        case Errc::full:
        case Errc::limit:
        case Errc::cancelled:
            return true;
        default:
            return false;
    }
}

struct CertificateIndex::Slot {
    enum class State { cold, loading, ready, failed };

    EntryPtr entry;
    CredentialPtr credential;  ///< set when ready
    std::size_t bytes = 0;     ///< counted for the credential
    State state = State::cold;
    bool pinned = false;    ///< holds what could not be loaded again: not in the order of use
    SteadyTime retry_at;    ///< of a failed one
    Slot* newer = nullptr;  ///< neighbours in the order of use
    Slot* older = nullptr;
};

CertificateIndex::CertificateIndex(std::function<void(EntryPtr)> request_load,
                                   std::size_t cache_bytes_max,
                                   const Clock& clock)
    : request_load_(std::move(request_load)), cache_bytes_max_(cache_bytes_max), clock_(clock) {}

CertificateIndex::~CertificateIndex() = default;

void CertificateIndex::put(EntryPtr entry, CredentialPtr credential) {
    auto& slot = by_id_[entry->id];
    if (!slot) slot = std::make_unique<Slot>();
    const bool same_version = slot->entry && slot->entry->version == entry->version;
    if (slot->entry) remove_names(*slot);
    if (!same_version || slot->state == Slot::State::failed) release(*slot);
    slot->entry = std::move(entry);
    add_names(*slot);
    if (!credential && slot->pinned == slot->entry->can_be_loaded) credential = slot->credential;
    if (credential) hold(*slot, std::move(credential));
}

void CertificateIndex::remove(CertificateId id) {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return;
    remove_names(*found->second);
    release(*found->second);
    by_id_.erase(found);
}

void CertificateIndex::loaded(CertificateId id, VersionId version, CredentialPtr credential) {
    Slot* const slot = current(id, version);
    if (slot && credential) hold(*slot, std::move(credential));
}

void CertificateIndex::load_failed(CertificateId id, VersionId version, Errc why) {
    Slot* const slot = current(id, version);
    if (!slot || slot->state != Slot::State::loading) return;
    slot->state = Slot::State::failed;
    slot->retry_at = may_pass(why) ? clock_.steady_now() + read_pause : SteadyTime::max();
}

Lookup CertificateIndex::find(const Query& query) {
    Slot* const slot = best(query);
    if (!slot) return {};
    if (slot->state == Slot::State::ready) {
        use(*slot);
        return {Lookup::State::ready, slot->credential, slot->entry};
    }
    Lookup waiting{Lookup::State::loading, nullptr, slot->entry};
    if (slot->state != Slot::State::loading) {
        slot->state = Slot::State::loading;
        request_load_(waiting.entry);
    }
    return waiting;
}

CertificateIndex::ByName& CertificateIndex::names_of(const HostPattern& pattern) {
    return pattern.is_wildcard() ? wildcard_ : exact_;
}

void CertificateIndex::add_names(Slot& slot) {
    for (const HostPattern& pattern : slot.entry->names) {
        ByName& names = names_of(pattern);
        const std::string_view name = pattern.name().text();
        const auto [first, last] = names.equal_range(name);
        if (std::none_of(first, last, [&](const auto& named) { return named.second == &slot; }))
            names.emplace(name, &slot);
    }
}

void CertificateIndex::remove_names(const Slot& slot) {
    for (const HostPattern& pattern : slot.entry->names) {
        ByName& names = names_of(pattern);
        const auto [first, last] = names.equal_range(pattern.name().text());
        const auto found =
            std::find_if(first, last, [&](const auto& named) { return named.second == &slot; });
        if (found != last) names.erase(found);
    }
}

bool CertificateIndex::offered(const Slot& slot) const {
    return slot.state != Slot::State::failed || clock_.steady_now() >= slot.retry_at;
}

CertificateIndex::Slot* CertificateIndex::best(const Query& query) const {
    const auto rank = [&query](const Slot& slot, bool exact) {
        const CertificateEntry& entry = *slot.entry;
        const bool valid = entry.not_before <= query.now && query.now <= entry.not_after;
        const bool preferred = !query.directory.empty() && entry.directory == query.directory;
        // Ids make the choice the same on every worker, whatever order the puts came in.
        return std::tuple(valid, exact, preferred, entry.not_after, entry.id);
    };
    Slot* chosen = nullptr;
    bool chosen_exact = false;
    const auto consider = [&](const ByName& names, std::string_view name, bool exact) {
        const auto [first, last] = names.equal_range(name);
        for (auto at = first; at != last; ++at) {
            Slot* const slot = at->second;
            if (!offered(*slot)) continue;
            if (chosen && rank(*slot, exact) <= rank(*chosen, chosen_exact)) continue;
            chosen = slot;
            chosen_exact = exact;
        }
    };
    consider(exact_, query.name.text(), true);
    consider(wildcard_, query.name.parent(), false);
    return chosen;
}

CertificateIndex::Slot* CertificateIndex::current(CertificateId id, VersionId version) const {
    const auto found = by_id_.find(id);
    if (found == by_id_.end() || found->second->entry->version != version) return nullptr;
    return found->second.get();
}

void CertificateIndex::hold(Slot& slot, CredentialPtr credential) {
    release(slot);
    slot.bytes = credential->memory_size();
    slot.credential = std::move(credential);
    slot.state = Slot::State::ready;
    cache_bytes_ += slot.bytes;
    slot.pinned = !slot.entry->can_be_loaded;
    if (!slot.pinned) link_newest(slot);
    evict();
}

void CertificateIndex::release(Slot& slot) {
    if (slot.state == Slot::State::ready) {
        if (!slot.pinned) unlink(slot);
        cache_bytes_ -= slot.bytes;
    }
    slot.pinned = false;
    slot.credential.reset();
    slot.bytes = 0;
    slot.state = Slot::State::cold;
}

void CertificateIndex::use(Slot& slot) {
    if (slot.pinned || newest_ == &slot) return;
    unlink(slot);
    link_newest(slot);
}

void CertificateIndex::link_newest(Slot& slot) {
    slot.newer = nullptr;
    slot.older = newest_;
    if (newest_) newest_->newer = &slot;
    newest_ = &slot;
    if (!oldest_) oldest_ = &slot;
}

void CertificateIndex::unlink(Slot& slot) {
    (slot.newer ? slot.newer->older : newest_) = slot.older;
    (slot.older ? slot.older->newer : oldest_) = slot.newer;
    slot.newer = slot.older = nullptr;
}

void CertificateIndex::evict() {
    while (cache_bytes_ > cache_bytes_max_ && oldest_ != newest_) release(*oldest_);
}

}  // namespace mesh::certs
