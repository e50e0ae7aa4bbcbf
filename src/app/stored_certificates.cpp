#include "app/stored_certificates.hpp"

namespace mesh::app {

std::vector<certs::EntryPtr> stored_entries(
    const std::vector<store::StoredCertificate>& certificates) {
    std::vector<certs::EntryPtr> entries;
    entries.reserve(certificates.size());
    for (const store::StoredCertificate& stored : certificates) {
        if (!stored.version) continue;
        auto entry = std::make_shared<certs::CertificateEntry>();
        entry->id = stored.certificate_id;
        entry->version = stored.version_id;
        entry->directory = stored.record.key.directory;
        entry->not_before = stored.version->not_before;
        entry->not_after = stored.version->not_after;
        for (const std::string& name : stored.record.key.names)
            if (auto pattern = HostPattern::parse(name)) entry->names.push_back(*pattern);
        entries.push_back(std::move(entry));
    }
    return entries;
}

CredentialSource::CredentialSource(store::Store* store,
                                   const std::vector<FileCertificate>& files,
                                   const Clock& clock,
                                   Log& log)
    : store_(store), clock_(clock), log_(log) {
    for (const FileCertificate& file : files) files_.emplace(file.entry->id, file.credential);
}

Result<certs::CredentialPtr> CredentialSource::load(const certs::CertificateEntry& entry) {
    auto loaded = read(entry);
    if (!loaded) note(entry, loaded.error());
    return loaded;
}

void CredentialSource::note(const certs::CertificateEntry& entry, const Error& error) {
    const bool of_the_store = certs::may_pass(error.code);
    const std::string subject =
        of_the_store ? error.message : std::to_string(entry.version) + ' ' + error.message;
    if (!lines_.allow(subject, clock_.steady_now())) return;
    const std::string name = entry.names.empty() ? "-" : entry.names.front().text();
    log_.error("certificate_unreadable",
               of_the_store ? "a stored certificate cannot be read; it is tried again"
                            : "a stored certificate cannot be used; it is not shown to clients",
               {{"certificate", name}, {"reason", error.message}});
}

Result<certs::CredentialPtr> CredentialSource::read(const certs::CertificateEntry& entry) const {
    if (const auto found = files_.find(entry.id); found != files_.end()) return found->second;
    if (store_ == nullptr)
        return Error{Errc::not_found, Origin::internal, "no store to read the certificate from"};
    auto material = store_->version(entry.version);
    if (!material) return material.error();
    return tls::Credential::from_pem(material->chain_pem, material->key_pem.reveal());
}

}  // namespace mesh::app
