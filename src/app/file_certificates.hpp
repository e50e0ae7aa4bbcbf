#pragma once
#include "certs/certificate_index.hpp"
#include "config/load.hpp"
#include "model/configuration.hpp"
#include "proxy/snapshot.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mesh::app {

/// A certificate that an operator manages by hand.
struct FileCertificate {
    certs::EntryPtr entry;  ///< negative ids; no directory
    certs::CredentialPtr credential;
    std::string file = {};  ///< certFile
    Bytes content = {};     ///< SHA-256 of both files
    std::string key_file = {};
};

/// Where TLS to servers comes from, as one of tcp.serversTransports names it.
struct UpstreamFiles {
    std::vector<std::string> root_cas;
    std::vector<std::string> pair;  ///< certFile and keyFile, or nothing
};

/// Everything the TLS side reads from files named in the configuration.
struct TlsFiles {
    std::vector<FileCertificate> certificates;                        ///< tls.certificates
    certs::CredentialPtr default_credential;                          ///< null: none configured
    Bytes default_content;                                            ///< SHA-256 of its files
    std::string default_file;                                         ///< certFile
    std::string default_key_file;                                     ///< keyFile
    std::map<std::string, std::string> client_ca_pem;                 ///< by tls.options name
    std::map<std::string, std::vector<std::string>> client_ca_files;  ///< likewise
    /// What servers are spoken to with, by tcp.serversTransports name, and the files it came from.
    proxy::UpstreamPolicies upstream;
    std::map<std::string, UpstreamFiles> upstream_files;
    std::vector<config::Finding> findings;  ///< an error for each file or option not usable
    std::vector<std::string> paths;         ///< of all files named, readable or not
    /// Why files are not followed although they changed, by the file: what they held before is
    /// used.
    std::map<std::string, std::string> kept;

    /// The files whose content is in here.
    [[nodiscard]] std::set<std::string> held() const;
    /// Null when there is none of this id.
    [[nodiscard]] const FileCertificate* find(certs::CertificateId id) const;
    /// Names of the certificates valid at `now`: no certificate is ordered for them.
    [[nodiscard]] std::vector<std::vector<HostPattern>> valid_names(WallTime now) const;
    /// Gives those that `before` had their ids of then, and the others ids of their own: `next` and
    /// below, so that no id ever means two certificates.
    void keep_ids(const TlsFiles& before, certs::CertificateId& next);
    /// When valid_names() changes next; nothing when it never does.
    [[nodiscard]] std::optional<WallTime> next_change(WallTime now) const;
};

/// Reads and parses them all, those that nothing uses yet too, and tries all TLS options; blocking.
/// An expired certificate is a warning, not an error. Pairs whose content `before` has are not
/// parsed again. With `keep`, files that cannot be used now (a certificate whose key has not come
/// yet, say) are no error where `before` has what these same files held: that goes on, and `kept`
/// says so. The CAs of servers and mesh's certificate towards them are kept one without the other.
[[nodiscard]] TlsFiles load_tls_files(const model::Configuration& configuration,
                                      WallTime now,
                                      const TlsFiles& before = {},
                                      bool keep = false);

/// Puts what was found in the files among the findings of the configuration that names them; an
/// error there makes the configuration invalid.
void add_file_findings(config::LoadResult& result, const TlsFiles& files, WallTime now);

}  // namespace mesh::app
