#pragma once
#include "model/location.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mesh::model {

/// Of the PROXY protocol.
enum class ProxyVersion : std::uint8_t { v1 = 1, v2 = 2 };

/// How a connection to a server becomes TLS.
enum class ServerTls : std::uint8_t {
    none,      ///< it does not
    direct,    ///< servers[].tls: TLS from the first byte
    postgres,  ///< servers[].startTLS: asked for by an SSLRequest
};

/// tls.certificates[], tls.stores.default.defaultCertificate, a serversTransport's
struct CertificateFile {
    std::string cert_file;  ///< absolute path, PEM chain
    std::string key_file;   ///< absolute path, PEM
    Location at;
};

/// tcp.serversTransports.<name>.tls: counts for servers with `tls` or `startTLS`.
struct UpstreamTls {
    std::string server_name;  ///< a host name or an IP address; empty: the server's own
    bool insecure_skip_verify = false;
    std::vector<std::string> root_cas;           ///< absolute paths; empty: the system's CAs
    std::optional<CertificateFile> certificate;  ///< shown to servers that ask for one
};

/// tcp.serversTransports.<name>: how servers are spoken to.
struct ServersTransport {
    std::string name;
    std::optional<std::chrono::milliseconds> dial_timeout;     ///< per address, TLS included
    std::optional<std::chrono::milliseconds> dial_keep_alive;  ///< between probes
    std::optional<std::chrono::milliseconds> termination_delay;
    std::optional<ProxyVersion> proxy_protocol;
    UpstreamTls tls;
    bool has_tls = false;  ///< a section `tls` was written
    Location at;
};

}  // namespace mesh::model
