#include "app/stored_certificates.hpp"

#include <algorithm>

namespace mesh::app {
namespace {

/// What was read, if it is the certificate of `entry`: by a damaged row a name can have the version
/// of another one, whose chain its clients must not get.
Result<certs::CredentialPtr> parse(const Result<store::VersionMaterial>& material,
                                   const certs::CertificateEntry& entry) {
    if (!material) return material.error();
    auto credential = tls::Credential::from_pem(material->chain_pem, material->key_pem.reveal());
    if (!credential) return credential.error();
    const std::vector<HostPattern>& names = (*credential)->facts().names;
    const auto missing =
        std::find_if(entry.names.begin(), entry.names.end(), [&](const HostPattern& name) {
            return std::none_of(names.begin(), names.end(), [&](const HostPattern& one) {
                return one.covers(name);
            });
        });
    if (missing != entry.names.end())
        return Error{Errc::corrupt,
                     Origin::internal,
                     "what is stored for it does not have the name " + missing->text()};
    return *std::move(credential);
}

/// Whether it will be the same when asked again: no fault of the moment, and no lack of memory.
bool is_final(const Error& error) {
    return !certs::may_pass(error.code) && error.code != Errc::internal;
}

}  // namespace

std::vector<certs::EntryPtr> stored_entries(
    const std::vector<store::ServedCertificate>& certificates) {
    std::vector<certs::EntryPtr> entries;
    entries.reserve(certificates.size());
    for (const store::ServedCertificate& stored : certificates) {
        auto entry = std::make_shared<certs::CertificateEntry>();
        entry->id = stored.certificate_id;
        entry->version = stored.version_id;
        entry->directory = stored.directory;
        entry->not_before = stored.not_before;
        entry->not_after = stored.not_after;
        entry->names.reserve(stored.names.size());
        for (const std::string& name : stored.names)
            if (auto pattern = HostPattern::parse(name)) entry->names.push_back(*pattern);
        entries.push_back(std::move(entry));
    }
    return entries;
}

CredentialSource::CredentialSource(store::Store* store,
                                   const std::vector<FileCertificate>& files,
                                   Lost lost,
                                   const Clock& clock,
                                   Log& log)
    : store_(store), lost_(std::move(lost)), clock_(clock), log_(log) {
    set_files(files);
}

void CredentialSource::set_files(const std::vector<FileCertificate>& files) {
    const std::lock_guard lock(files_mutex_);
    files_.clear();
    for (const FileCertificate& file : files) files_.emplace(file.entry->id, file.credential);
}

Result<certs::CredentialPtr> CredentialSource::load(const certs::CertificateEntry& entry) {
    {
        const std::lock_guard lock(files_mutex_);
        if (const auto found = files_.find(entry.id); found != files_.end()) return found->second;
    }
    if (store::Store* const store = store_) return find_stored(*store, entry);
    return Error{Errc::not_found, Origin::internal, "no store to read the certificate from"};
}

void CredentialSource::set_store(store::Store& store) {
    store_ = &store;
}

Result<certs::CredentialPtr> CredentialSource::find_stored(store::Store& store,
                                                           const certs::CertificateEntry& entry) {
    auto read = parse(store.version(entry.version), entry);
    if (read) return read;
    auto copied = parse(store.version_of_copy(entry.version), entry);
    note(entry, read.error(), copied.has_value());
    if (copied) return copied;
    if (is_final(read.error()) && is_final(copied.error())) lost_(entry);
    return read;
}

void CredentialSource::note(const certs::CertificateEntry& entry,
                            const Error& error,
                            bool in_copy) {
    const bool of_the_store = certs::may_pass(error.code);
    const std::string subject =
        of_the_store ? error.message : std::to_string(entry.version) + ' ' + error.message;
    if (!lines_.allow(subject, clock_.steady_now())) return;
    const std::string name = entry.names.empty() ? "-" : entry.names.front().text();
    const char* const what =
        in_copy        ? "a stored certificate cannot be read; that of the store's copy is used"
        : of_the_store ? "a stored certificate cannot be read; it is tried again"
                       : "a stored certificate cannot be used; it is not shown to clients";
    log_.error("certificate_unreadable", what, {{"certificate", name}, {"reason", error.message}});
}

}  // namespace mesh::app
