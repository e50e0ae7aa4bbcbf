#include "app/file_certificates.hpp"

#include "base/regular_file.hpp"
#include "base/time_text.hpp"
#include "config/codes.hpp"
#include "config/problems.hpp"
#include "proxy/snapshot.hpp"
#include "tls/key_pair.hpp"
#include "tls/policy.hpp"

#include <algorithm>
#include <utility>

namespace mesh::app {
namespace {

constexpr std::size_t file_size_max = std::size_t{4} << 20;

/// Reads what one configuration names and collects what is wrong with it.
class Reader {
 public:
    Reader(TlsFiles& files, const TlsFiles& before, WallTime now, bool keep)
        : files_(files), before_(before), now_(now), keep_(keep) {
        for (const FileCertificate& certificate : before.certificates)
            parsed_.emplace(certificate.content, certificate.credential);
        if (before.default_credential)
            parsed_.emplace(before.default_content, before.default_credential);
    }

    /// `content` becomes the SHA-256 of both files.
    certs::CredentialPtr credential(const model::CertificateFile& from, Bytes& content) {
        const std::size_t known_findings = files_.findings.size();
        certs::CredentialPtr read = read_pair(from, content);
        if (read || !keep_) return read;
        const FileCertificate* const old = pair_before(from);
        if (old == nullptr) return nullptr;
        keep_what_was(from.cert_file, known_findings);
        content = old->content;
        return old->credential;
    }

    /// The content of CA files; errors are found. `option` is where they are named, `name` whose
    /// they are.
    std::string authorities(const std::vector<std::string>& paths,
                            const model::Location& at,
                            std::string_view option,
                            const std::string& name = {}) {
        const std::size_t known_findings = files_.findings.size();
        std::string pem = read_authorities(paths, at, option);
        if (files_.findings.size() == known_findings || !keep_) return pem;
        const auto old = before_.client_ca_pem.find(name);
        if (name.empty() || old == before_.client_ca_pem.end()) return pem;
        // Another list of files is another decision on who may come in.
        if (const auto from = before_.client_ca_files.find(name);
            from == before_.client_ca_files.end() || from->second != paths)
            return pem;
        keep_what_was(paths.front(), known_findings);
        return old->second;
    }

    /// What the TLS library says to options whose files are right.
    void try_options(const model::TlsOptions& options, const std::string& client_ca_pem) {
        for (const auto& curve : options.curve_preferences)
            if (!tls::has_group(curve.value)) return lacks_curve(curve);
        auto made = tls::Policy::make(proxy::policy_settings(options, client_ca_pem), nullptr);
        if (!made)
            files_.findings.push_back(config::finding_at(config::Severity::error,
                                                         config::codes::bad_value,
                                                         options.at,
                                                         made.error().message,
                                                         "these TLS options cannot be used"));
    }

 private:
    certs::CredentialPtr read_pair(const model::CertificateFile& from, Bytes& content) {
        const auto chain = text(from.cert_file, from.at);
        const auto key = text(from.key_file, from.at);
        if (!chain || !key) return nullptr;
        content = tls::sha256(*chain + '\0' + *key);
        const auto known = parsed_.find(content);
        auto parsed = known != parsed_.end() ? Result<certs::CredentialPtr>(known->second)
                                             : tls::Credential::from_pem(*chain, *key);
        if (!parsed) {
            error(from.at,
                  from.cert_file + ": " + parsed.error().message,
                  "certFile holds the PEM chain (leaf first), keyFile its unencrypted private key");
            return nullptr;
        }
        if ((*parsed)->facts().not_after <= now_)
            files_.findings.push_back(config::finding_at(
                config::Severity::warning,
                config::codes::certificate_expired,
                from.at,
                from.cert_file + " expired at " + rfc3339((*parsed)->facts().not_after),
                "replace the file; an expired certificate covers no name"));
        return *parsed;
    }

    std::string read_authorities(const std::vector<std::string>& paths,
                                 const model::Location& at,
                                 std::string_view option) {
        std::string all;
        for (const std::string& path : paths) {
            const auto pem = text(path, at);
            if (!pem) continue;
            if (const auto checked = tls::check_authorities(*pem); !checked)
                error(at,
                      path + ": " + checked.error().message,
                      std::string(option) + " needs files with CA certificates in PEM");
            all += *pem;
            all += '\n';
        }
        return all;
    }

    const FileCertificate* pair_before(const model::CertificateFile& from) {
        for (const FileCertificate& certificate : before_.certificates)
            if (certificate.file == from.cert_file && certificate.key_file == from.key_file)
                return &certificate;
        if (!before_.default_credential || before_.default_file != from.cert_file ||
            before_.default_key_file != from.key_file)
            return nullptr;
        old_default_ = {
            nullptr, before_.default_credential, from.cert_file, before_.default_content};
        return &old_default_;
    }

    /// The findings since then say why.
    void keep_what_was(const std::string& file, std::size_t known_findings) {
        files_.kept[file] = files_.findings[known_findings].message;
        files_.findings.resize(known_findings);
    }

    std::optional<std::string> text(const std::string& path, const model::Location& at) {
        files_.paths.push_back(path);
        auto read = read_regular_file(path, file_size_max);
        if (read) return std::move(*read);
        error(at,
              "cannot read " + path + ": " + read.error().message,
              "check the path and that the user mesh runs as may read it");
        return std::nullopt;
    }

    void lacks_curve(const model::Located<std::string>& curve) {
        files_.findings.push_back(config::finding_at(
            config::Severity::error,
            config::codes::bad_value,
            curve.at,
            tls::runtime_version() + " does not have the curve " + curve.value,
            "leave it out; without curvePreferences mesh uses X25519MLKEM768 where it is there"));
    }

    void error(const model::Location& at, std::string message, std::string hint) {
        files_.findings.push_back(config::finding_at(config::Severity::error,
                                                     config::codes::certificate_file,
                                                     at,
                                                     std::move(message),
                                                     std::move(hint)));
    }

    TlsFiles& files_;
    const TlsFiles& before_;
    WallTime now_;
    bool keep_;
    FileCertificate old_default_;
    std::map<Bytes, certs::CredentialPtr> parsed_;
};

certs::EntryPtr file_entry(certs::CertificateId id, const tls::CertificateFacts& facts) {
    auto entry = std::make_shared<certs::CertificateEntry>();
    entry->id = id;
    entry->version = id;
    entry->names = facts.names;
    entry->not_before = facts.not_before;
    entry->not_after = facts.not_after;
    return entry;
}

}  // namespace

std::vector<std::vector<HostPattern>> TlsFiles::valid_names(WallTime now) const {
    std::vector<std::vector<HostPattern>> names;
    for (const FileCertificate& certificate : certificates)
        if (certificate.entry->not_before <= now && now < certificate.entry->not_after)
            names.push_back(certificate.entry->names);
    return names;
}

std::set<std::string> TlsFiles::held() const {
    std::set<std::string> files;
    for (const FileCertificate& certificate : certificates) {
        files.insert(certificate.file);
        files.insert(certificate.key_file);
    }
    if (default_credential) {
        files.insert(default_file);
        files.insert(default_key_file);
    }
    for (const auto& [name, paths_of_name] : client_ca_files)
        files.insert(paths_of_name.begin(), paths_of_name.end());
    return files;
}

void TlsFiles::keep_ids(const TlsFiles& before, certs::CertificateId& next) {
    std::map<std::string, const FileCertificate*> known;
    for (const FileCertificate& certificate : before.certificates)
        known.emplace(certificate.credential->facts().sha256, &certificate);
    for (FileCertificate& certificate : certificates) {
        const auto found = known.find(certificate.credential->facts().sha256);
        if (found != known.end()) {
            certificate.entry = found->second->entry;
            known.erase(found);  // named twice, it is two entries
        } else {
            certificate.entry = file_entry(next--, certificate.credential->facts());
        }
    }
}

std::optional<WallTime> TlsFiles::next_change(WallTime now) const {
    std::optional<WallTime> next;
    for (const FileCertificate& certificate : certificates)
        for (const WallTime at : {certificate.entry->not_before, certificate.entry->not_after})
            if (at > now && (!next || at < *next)) next = at;
    return next;
}

const FileCertificate* TlsFiles::find(certs::CertificateId id) const {
    const auto found = std::find_if(certificates.begin(),
                                    certificates.end(),
                                    [id](const auto& file) { return file.entry->id == id; });
    return found != certificates.end() ? &*found : nullptr;
}

TlsFiles load_tls_files(const model::Configuration& configuration,
                        WallTime now,
                        const TlsFiles& before,
                        bool keep) {
    TlsFiles files;
    Reader reader(files, before, now, keep);
    certs::CertificateId id = -1;
    for (const model::CertificateFile& from : configuration.certificates) {
        Bytes content;
        if (auto credential = reader.credential(from, content)) {
            files.certificates.push_back({file_entry(id, credential->facts()),
                                          credential,
                                          from.cert_file,
                                          content,
                                          from.key_file});
            --id;
        }
    }
    if (configuration.default_certificate) {
        files.default_file = configuration.default_certificate->cert_file;
        files.default_key_file = configuration.default_certificate->key_file;
        files.default_credential =
            reader.credential(*configuration.default_certificate, files.default_content);
    }
    for (const auto& [name, options] : configuration.tls_options) {
        const std::size_t known_findings = files.findings.size();
        std::string pem = reader.authorities(
            options.client_auth.ca_files, options.at, "clientAuth.caFiles", name);
        if (files.findings.size() == known_findings) reader.try_options(options, pem);
        if (pem.empty()) continue;
        files.client_ca_pem[name] = std::move(pem);
        files.client_ca_files[name] = options.client_auth.ca_files;
    }
    for (const auto& [name, resolver] : configuration.resolvers)
        (void)reader.authorities(resolver.ca_certificates, resolver.at, "caCertificates");
    return files;
}

void add_file_findings(config::LoadResult& result, const TlsFiles& files, WallTime now) {
    config::add_findings(result, files.findings, files.valid_names(now));
}

}  // namespace mesh::app
