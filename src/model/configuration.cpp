#include "model/configuration.hpp"

#include <algorithm>

namespace mesh::model {
namespace {

/// RFC 3986 §3.2.2: an IPv6 literal stands in brackets, so that its colons are not the port's.
std::string host_and_port(const std::string& host, std::uint16_t port) {
    const bool bracket = host.find(':') != std::string::npos;
    return (bracket ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

}  // namespace

std::string ListenAddress::text() const {
    return host_and_port(host, port);
}

std::string Server::text() const {
    return host_and_port(host, port);
}

bool same_server(const Server& a, const Server& b) {
    return a.host == b.host && a.port == b.port && a.weight == b.weight && a.tls == b.tls;
}

bool Service::speaks_tls() const {
    const auto is_tls = [](const auto& one) { return one.tls != ServerTls::none; };
    return std::any_of(servers.begin(), servers.end(), is_tls) ||
           std::any_of(sources.begin(), sources.end(), is_tls);
}

std::string_view to_string(Strategy strategy) {
    switch (strategy) {
        case Strategy::wrr:
            return "wrr";
        case Strategy::least_conn:
            return "leastConn";
    }
    return "";
}

std::string_view to_string(KeyType type) {
    switch (type) {
        case KeyType::ec256:
            return "EC256";
        case KeyType::ec384:
            return "EC384";
        case KeyType::rsa2048:
            return "RSA2048";
        case KeyType::rsa4096:
            return "RSA4096";
    }
    return "";
}

}  // namespace mesh::model
