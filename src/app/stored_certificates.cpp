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

CredentialSource::CredentialSource(store::Store* store, const std::vector<FileCertificate>& files)
    : store_(store) {
    for (const FileCertificate& file : files) files_.emplace(file.entry->id, file.credential);
}

Result<certs::CredentialPtr> CredentialSource::load(const certs::CertificateEntry& entry) const {
    if (const auto found = files_.find(entry.id); found != files_.end()) return found->second;
    if (store_ == nullptr)
        return Error{Errc::not_found, Origin::internal, "no store to read the certificate from"};
    auto material = store_->version(entry.version);
    if (!material) return material.error();
    return tls::Credential::from_pem(material->chain_pem, material->key_pem.reveal());
}

}  // namespace mesh::app
