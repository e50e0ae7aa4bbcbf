#include "app/file_certificates.hpp"

#include "base/regular_file.hpp"
#include "base/time_text.hpp"
#include "config/codes.hpp"
#include "config/problems.hpp"
#include "proxy/snapshot.hpp"
#include "tls/policy.hpp"

#include <utility>

namespace mesh::app {
namespace {

constexpr std::size_t file_size_max = std::size_t{4} << 20;

/// Reads what one configuration names and collects what is wrong with it.
class Reader {
 public:
    Reader(TlsFiles& files, WallTime now) : files_(files), now_(now) {}

    certs::CredentialPtr credential(const model::CertificateFile& from) {
        const auto chain = text(from.cert_file, from.at);
        const auto key = text(from.key_file, from.at);
        if (!chain || !key) return nullptr;
        auto parsed = tls::Credential::from_pem(*chain, *key);
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

    /// The content of CA files; errors are found. `option` is where they are named.
    std::string authorities(const std::vector<std::string>& paths,
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
    std::optional<std::string> text(const std::string& path, const model::Location& at) {
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
    WallTime now_;
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

TlsFiles load_tls_files(const model::Configuration& configuration, WallTime now) {
    TlsFiles files;
    Reader reader(files, now);
    certs::CertificateId id = -1;
    for (const model::CertificateFile& from : configuration.certificates)
        if (auto credential = reader.credential(from)) {
            files.certificates.push_back(
                {file_entry(id, credential->facts()), credential, from.cert_file});
            --id;
        }
    if (configuration.default_certificate)
        files.default_credential = reader.credential(*configuration.default_certificate);
    for (const auto& [name, options] : configuration.tls_options) {
        const std::size_t before = files.findings.size();
        std::string pem =
            reader.authorities(options.client_auth.ca_files, options.at, "clientAuth.caFiles");
        if (files.findings.size() == before) reader.try_options(options, pem);
        if (!pem.empty()) files.client_ca_pem[name] = std::move(pem);
    }
    for (const auto& [name, resolver] : configuration.resolvers)
        (void)reader.authorities(resolver.ca_certificates, resolver.at, "caCertificates");
    return files;
}

void add_file_findings(config::LoadResult& result, const TlsFiles& files, WallTime now) {
    config::add_findings(result, files.findings, files.valid_names(now));
}

}  // namespace mesh::app
