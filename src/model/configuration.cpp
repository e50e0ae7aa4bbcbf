#include "model/configuration.hpp"

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
