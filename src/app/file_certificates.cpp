#include "app/file_certificates.hpp"

#include "base/time_text.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace mesh::app {
namespace {

constexpr std::streamoff file_size_max = 4 << 20;

Result<std::string> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) return Error{Errc::io, Origin::config, "cannot read " + path};
    if (file.tellg() > file_size_max)
        return Error{Errc::limit, Origin::config, path + " is larger than 4 MiB"};
    file.seekg(0);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

config::Finding finding(config::Severity severity,
                        std::string code,
                        const model::Location& at,
                        std::string message,
                        std::string hint) {
    config::Finding found;
    found.severity = severity;
    found.code = std::move(code);
    if (at.file) found.file = *at.file;
    found.line = at.line;
    found.column = at.column;
    found.path = at.path;
    found.message = std::move(message);
    found.hint = std::move(hint);
    return found;
}

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
            files_.findings.push_back(
                finding(config::Severity::warning,
                        "certificate-expired",
                        from.at,
                        from.cert_file + " expired at " + rfc3339((*parsed)->facts().not_after),
                        "replace the file; an expired certificate covers no name"));
        return *parsed;
    }

    std::string client_authorities(const model::TlsOptions& options) {
        std::string all;
        for (const std::string& path : options.client_auth.ca_files) {
            const auto pem = text(path, options.at);
            if (!pem) continue;
            if (pem->find("-----BEGIN CERTIFICATE-----") == std::string::npos)
                error(options.at,
                      path + " holds no PEM certificate",
                      "clientAuth.caFiles needs files with CA certificates in PEM");
            all += *pem;
            all += '\n';
        }
        return all;
    }

 private:
    std::optional<std::string> text(const std::string& path, const model::Location& at) {
        auto read = read_file(path);
        if (read) return std::move(*read);
        error(
            at, read.error().message, "check the path and that the user mesh runs as may read it");
        return std::nullopt;
    }

    void error(const model::Location& at, std::string message, std::string hint) {
        files_.findings.push_back(finding(
            config::Severity::error, "certificate-file", at, std::move(message), std::move(hint)));
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

bool TlsFiles::usable() const {
    return std::none_of(findings.begin(), findings.end(), [](const config::Finding& f) {
        return f.severity == config::Severity::error;
    });
}

std::vector<std::vector<HostPattern>> TlsFiles::valid_names(WallTime now) const {
    std::vector<std::vector<HostPattern>> names;
    for (const FileCertificate& certificate : certificates)
        if (certificate.entry->not_before <= now && now < certificate.entry->not_after)
            names.push_back(certificate.entry->names);
    return names;
}

TlsFiles load_tls_files(const model::Configuration& configuration, WallTime now) {
    TlsFiles files;
    Reader reader(files, now);
    certs::CertificateId id = -1;
    for (const model::CertificateFile& from : configuration.certificates)
        if (auto credential = reader.credential(from)) {
            files.certificates.push_back({file_entry(id, credential->facts()), credential});
            --id;
        }
    if (configuration.default_certificate)
        files.default_credential = reader.credential(*configuration.default_certificate);
    for (const auto& [name, options] : configuration.tls_options)
        if (!options.client_auth.ca_files.empty())
            files.client_ca_pem[name] = reader.client_authorities(options);
    return files;
}

void add_file_findings(config::LoadResult& result, TlsFiles files) {
    if (files.findings.empty()) return;
    const bool usable = files.usable();
    for (config::Finding& finding : files.findings) result.findings.push_back(std::move(finding));
    config::sort_by_place(result.findings);
    if (usable) return;
    const auto errors =
        std::count_if(result.findings.begin(), result.findings.end(), [](const config::Finding& f) {
            return f.severity == config::Severity::error;
        });
    const std::string file = result.summary.substr(0, result.summary.find(": "));
    result.summary =
        file + ": invalid: " + std::to_string(errors) + (errors == 1 ? " error" : " errors");
    result.configuration.reset();
}

}  // namespace mesh::app
