#include "control/import.hpp"

#include "base/time_text.hpp"
#include "control/identity.hpp"
#include "control/schedule.hpp"
#include "tls/certificate.hpp"

namespace mesh::control {
namespace {

store::VersionFacts facts_of(const tls::Credential& credential, WallTime now) {
    const tls::CertificateFacts& leaf = credential.facts();
    store::VersionFacts facts;
    facts.key_type = key_type_text(credential.key());
    facts.not_before = leaf.not_before;
    facts.not_after = leaf.not_after;
    facts.serial = leaf.serial;
    facts.sha256 = leaf.sha256;
    facts.source = "import";
    facts.created = now;
    return facts;
}

/// Why a certificate that parses is of no use, or nothing.
std::optional<std::string> objection(const tls::CertificateFacts& leaf, WallTime now) {
    if (leaf.names.empty()) return "the certificate holds no DNS name";
    if (leaf.not_after <= leaf.not_before)
        return "ends on " + rfc3339(leaf.not_after) + ", before it begins";
    if (now >= leaf.not_after) return "expired on " + rfc3339(leaf.not_after);
    if (now < leaf.not_before) return "not valid before " + rfc3339(leaf.not_before);
    return std::nullopt;
}

}  // namespace

std::string_view to_string(ImportOutcome outcome) {
    switch (outcome) {
        case ImportOutcome::imported:
            return "imported";
        case ImportOutcome::already_stored:
            return "already stored";
        case ImportOutcome::kept_stored:
            return "stored one kept";
        case ImportOutcome::refused:
            return "refused";
    }
    return "refused";
}

Import::Import(ImportTarget target, const std::vector<store::StoredCertificate>& stored)
    : target_(std::move(target)) {
    for (const store::StoredCertificate& certificate : stored)
        if (certificate.record.key.directory == target_.directory)
            known_[certificate.record.key] = {certificate.record, certificate.version};
}

Import Import::against(Find find, ImportTarget target) {
    Import import(std::move(target), std::vector<store::StoredCertificate>{});
    import.find_ = std::move(find);
    return import;
}

Import::Known& Import::known(const store::CertificateKey& key) {
    const auto [at, added] = known_.try_emplace(key);
    if (added && find_)
        if (const store::StoredCertificate* stored = find_(key))
            at->second = {stored->record, stored->version};
    return at->second;
}

Import::Batch Import::add(std::span<const ImportItem> items, WallTime now) {
    Batch batch;
    batch.lines.reserve(items.size());
    for (const ImportItem& item : items) batch.lines.push_back(add_one(item, now, batch));
    return batch;
}

ImportLine Import::add_one(const ImportItem& item, WallTime now, Batch& batch) {
    ImportLine line;
    line.label = item.label;
    const auto credential = tls::Credential::from_pem(item.chain_pem, item.key_pem.reveal());
    if (!credential) {
        line.message = credential.error().message;
        return line;
    }
    const tls::CertificateFacts& leaf = (*credential)->facts();
    line.names = texts(leaf.names);
    line.serial = leaf.serial;
    line.not_after = leaf.not_after;
    if (auto why = objection(leaf, now)) {
        line.message = std::move(*why);
        return line;
    }

    const store::CertificateKey key{target_.directory, identity_names(line.names)};
    Known& known = this->known(key);
    if (known.version && known.version->sha256 == leaf.sha256) {
        line.outcome = ImportOutcome::already_stored;
        line.message = "stored already";
        return line;
    }
    if (known.version && is_valid(*known.version, now) &&
        known.version->not_after >= leaf.not_after) {
        line.outcome = ImportOutcome::kept_stored;
        line.message = "the stored certificate is valid for longer, until " +
                       rfc3339(known.version->not_after);
        return line;
    }

    renew(known, key, line.names, facts_of(**credential, now));
    add_rows(known, **credential, item.label, batch.transition);
    batch.credentials.push_back(*credential);
    line.outcome = ImportOutcome::imported;
    return line;
}

/// What is known of that identity once this one is imported.
void Import::renew(Known& known,
                   const store::CertificateKey& key,
                   const std::vector<std::string>& names,
                   store::VersionFacts facts) const {
    known.record.key = key;
    known.record.ordered_names = names;
    known.record.resolver = target_.resolver;
    known.record.attempts = 0;
    known.record.next_at.reset();
    known.record.last_error.reset();
    known.record.renewal_asked.reset();
    known.version = std::move(facts);
}

void Import::add_rows(const Known& known,
                      const tls::Credential& credential,
                      const std::string& label,
                      store::Transition& transition) {
    const store::CertificateKey& key = known.record.key;
    const store::VersionFacts& facts = *known.version;
    transition.push_back(store::PutCertificate{known.record});
    // What was parsed is stored, not what was read: no stray blocks, no root, nothing twice.
    transition.push_back(
        store::PutVersion{key, credential.chain().to_pem(), credential.key().to_pem(), facts});
    // An order still open would bring a certificate that replaces this one.
    transition.push_back(store::DeleteOrder{key});
    transition.push_back(store::AddHistory{
        {key,
         facts.created,
         "imported",
         label + ", serial " + facts.serial + ", until " + rfc3339(facts.not_after)}});
}

}  // namespace mesh::control
