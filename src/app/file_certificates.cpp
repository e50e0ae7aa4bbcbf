#include "app/file_certificates.hpp"

#include "base/regular_file.hpp"
#include "base/time_text.hpp"
#include "config/codes.hpp"
#include "config/problems.hpp"
#include "http/trust_bundle.hpp"
#include "proxy/snapshot.hpp"
#include "tls/key_pair.hpp"
#include "tls/policy.hpp"
#include "tls/trust_settings.hpp"
#include "tls/upstream_policy.hpp"

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
        const Mark mark = here();
        certs::CredentialPtr read = read_pair(from, content);
        if (read || !keep_) return read;
        const FileCertificate* const old = pair_before(from);
        if (old == nullptr) return nullptr;
        keep_what_was(mark);
        content = old->content;
        return old->credential;
    }

    /// The content of CA files; errors are found. `option` is where they are named, `name` whose
    /// they are.
    std::string authorities(const std::vector<std::string>& paths,
                            const model::Location& at,
                            std::string_view option,
                            const std::string& name = {},
                            tls::TrustSettings settings = tls::TrustSettings::refused) {
        const Mark mark = here();
        std::string pem = read_authorities(paths, at, option, settings);
        if (!has_failed_since(mark) || !keep_) return pem;
        const auto old = before_.client_ca_pem.find(name);
        if (name.empty() || old == before_.client_ca_pem.end()) return pem;
        // Another list of files is another decision on who may come in.
        if (const auto from = before_.client_ca_files.find(name);
            from == before_.client_ca_files.end() || from->second != paths)
            return pem;
        keep_what_was(mark);
        return old->second;
    }

    /// How TLS is spoken to servers; null when a file was found to be wrong. One that would do the
    /// same as the one before is that one.
    tls::UpstreamPolicyPtr upstream(const model::ServersTransport& transport,
                                    UpstreamFiles& named) {
        named = files_of(transport);
        const Before before = upstream_before(transport.name, named);
        const Mark mark = here();
        tls::UpstreamSettings settings;
        settings.server_name = transport.tls.server_name;
        settings.insecure_skip_verify = transport.tls.insecure_skip_verify;
        if (!settings.insecure_skip_verify) settings.roots = roots_of(transport, before.roots);
        if (transport.tls.certificate)
            settings.credential = own_pair(*transport.tls.certificate, before.credential);
        if (has_failed_since(mark)) return nullptr;
        if (before.policy && before.policy->settings() == settings) return before.policy;
        auto policy = tls::UpstreamPolicy::make(settings);
        if (policy) return *policy;
        error(transport.at,
              policy.error().message,
              "TLS to servers cannot be spoken like this",
              named.pair.empty() ? "" : named.pair.front());
        if (!before.credential || settings.credential == before.credential) return nullptr;
        keep_what_was(mark);
        settings.credential = before.credential;
        policy = tls::UpstreamPolicy::make(std::move(settings));
        return policy ? *policy : nullptr;
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
    /// How far reading had come.
    struct Mark {
        std::size_t findings;
        std::size_t failures;
    };
    struct Failure {
        std::string file;
        std::string message;
    };
    /// What may go on where it cannot be read anew: it came of the same files. Null: nothing.
    struct Before {
        tls::UpstreamPolicyPtr policy;
        std::shared_ptr<const tls::Roots> roots;
        certs::CredentialPtr credential;
    };

    [[nodiscard]] Mark here() const { return {files_.findings.size(), failures_.size()}; }
    [[nodiscard]] bool has_failed_since(const Mark& mark) const {
        return failures_.size() > mark.failures;
    }

    static UpstreamFiles files_of(const model::ServersTransport& transport) {
        UpstreamFiles files{transport.tls.root_cas, {}};
        if (const auto& pair = transport.tls.certificate)
            files.pair = {pair->cert_file, pair->key_file};
        return files;
    }

    /// Other files are another decision on whom to trust.
    [[nodiscard]] Before upstream_before(const std::string& name,
                                         const UpstreamFiles& named) const {
        const auto policy = before_.upstream.find(name);
        const auto files = before_.upstream_files.find(name);
        if (policy == before_.upstream.end() || files == before_.upstream_files.end()) return {};
        Before before{policy->second, nullptr, nullptr};
        if (!keep_) return before;
        const tls::UpstreamSettings& settings = before.policy->settings();
        if (!named.root_cas.empty() && files->second.root_cas == named.root_cas)
            before.roots = settings.roots;
        if (files->second.pair == named.pair) before.credential = settings.credential;
        return before;
    }

    /// `before` where it is to go on; null where a finding says why there is none.
    std::shared_ptr<const tls::Roots> roots_of(const model::ServersTransport& transport,
                                               const std::shared_ptr<const tls::Roots>& before) {
        if (transport.tls.root_cas.empty()) return system_roots(transport.at);
        const Mark mark = here();
        const std::string pem = read_authorities(transport.tls.root_cas, transport.at, "rootCAs");
        std::shared_ptr<const tls::Roots> roots;
        if (!has_failed_since(mark))
            roots = parsed_roots(pem, transport.at, transport.tls.root_cas.front());
        if (roots || !before) return roots;
        keep_what_was(mark);
        return before;
    }

    /// Likewise.
    certs::CredentialPtr own_pair(const model::CertificateFile& from,
                                  const certs::CredentialPtr& before) {
        const Mark mark = here();
        Bytes content;
        certs::CredentialPtr read = read_pair(from, content);
        if (read || !before) return read;
        keep_what_was(mark);
        return before;
    }

    std::shared_ptr<const tls::Roots> system_roots(const model::Location& at) {
        if (system_roots_) return system_roots_;
        const std::string path = http::system_pool_path();
        if (path.empty()) {
            error(at,
                  "no trusted certificates on this system to verify servers by",
                  "install ca-certificates, or list the servers' CA in rootCAs",
                  {});
            return nullptr;
        }
        const auto pem = text(path, at);
        if (pem) system_roots_ = parsed_roots(*pem, at, path);
        return system_roots_;
    }

    std::shared_ptr<const tls::Roots> parsed_roots(const std::string& pem,
                                                   const model::Location& at,
                                                   const std::string& file) {
        auto roots = tls::Roots::from_pem(pem);
        if (roots) return *roots;
        error(at, roots.error().message, "rootCAs needs files with CA certificates in PEM", file);
        return nullptr;
    }

    certs::CredentialPtr read_pair(const model::CertificateFile& from, Bytes& content) {
        const auto chain = text(from.cert_file, from.at);
        const auto key = text(from.key_file, from.at);
        if (!chain || !key) return nullptr;
        content = tls::sha256(*chain + '\0' + *key);
        const auto known = parsed_.find(content);
        auto parsed = known != parsed_.end() ? Result<certs::CredentialPtr>(known->second)
                                             : tls::Credential::from_pem(*chain, *key);
        if (!parsed) {
            const bool is_key =
                tls::CertificateChain::from_pem(*chain) && !tls::PrivateKey::from_pem(*key);
            const std::string& file = is_key ? from.key_file : from.cert_file;
            error(from.at,
                  file + ": " + parsed.error().message,
                  "certFile holds the PEM chain (leaf first), keyFile its unencrypted private key",
                  file);
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
                                 std::string_view option,
                                 tls::TrustSettings settings = tls::TrustSettings::refused) {
        std::string all;
        for (const std::string& path : paths) {
            const auto pem = text(path, at);
            if (!pem) continue;
            if (const auto checked = tls::check_authorities(*pem, settings); !checked)
                error(at,
                      path + ": " + checked.error().message,
                      std::string(option) + " needs files with CA certificates in PEM",
                      path);
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

    /// What has failed since then says why.
    void keep_what_was(const Mark& mark) {
        for (std::size_t i = mark.failures; i < failures_.size(); ++i)
            files_.kept.emplace(failures_[i].file, failures_[i].message);
        failures_.resize(mark.failures);
        files_.findings.resize(mark.findings);
    }

    std::optional<std::string> text(const std::string& path, const model::Location& at) {
        files_.paths.push_back(path);
        auto read = read_regular_file(path, file_size_max);
        if (read) return std::move(*read);
        error(at,
              "cannot read " + path + ": " + read.error().message,
              "check the path and that the user mesh runs as may read it",
              path);
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

    /// `file`: which one it is about.
    void error(const model::Location& at,
               std::string message,
               std::string hint,
               const std::string& file) {
        failures_.push_back({file, message});
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
    std::vector<Failure> failures_;
    std::shared_ptr<const tls::Roots> system_roots_;
    std::map<Bytes, certs::CredentialPtr> parsed_;
};

/// Those written, whether a service names them or not, and "" where a service with TLS names none.
void load_upstream(const model::Configuration& configuration, Reader& reader, TlsFiles& files) {
    const auto load = [&](const model::ServersTransport& transport) {
        UpstreamFiles named;
        auto policy = reader.upstream(transport, named);
        if (!policy) return;
        files.upstream[transport.name] = std::move(policy);
        files.upstream_files[transport.name] = std::move(named);
    };
    for (const auto& [name, transport] : configuration.servers_transports)
        if (transport.has_tls) load(transport);
    for (const auto& [name, service] : configuration.services) {
        if (!service.speaks_tls() || files.upstream.contains(service.servers_transport)) continue;
        const auto written = configuration.servers_transports.find(service.servers_transport);
        if (written != configuration.servers_transports.end() && written->second.has_tls) continue;
        model::ServersTransport by_default;
        by_default.name = service.servers_transport;
        by_default.at = service.at;
        load(by_default);
    }
}

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
    for (const auto& [name, named] : upstream_files) {
        files.insert(named.root_cas.begin(), named.root_cas.end());
        files.insert(named.pair.begin(), named.pair.end());
    }
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
    load_upstream(configuration, reader, files);
    for (const auto& [name, resolver] : configuration.resolvers)
        (void)reader.authorities(resolver.ca_certificates,
                                 resolver.at,
                                 "caCertificates",
                                 {},
                                 tls::TrustSettings::heeded);  // by the HTTP client
    return files;
}

void add_file_findings(config::LoadResult& result, const TlsFiles& files, WallTime now) {
    config::add_findings(result, files.findings, files.valid_names(now));
}

}  // namespace mesh::app
