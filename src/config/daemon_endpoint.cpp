#include "config/daemon_endpoint.hpp"

#include "base/ascii.hpp"
#include "base/ip_network.hpp"
#include "config/address.hpp"

#include <algorithm>
#include <iterator>
#include <string>

namespace mesh::config {
namespace {

/// sockaddr_un::sun_path with its final NUL.
constexpr std::size_t socket_path_max = 107;

constexpr const char* loopback[] = {"127.0.0.0/8", "::1"};

Error not_an_endpoint(std::string reason) {
    return {Errc::invalid, Origin::config, std::move(reason)};
}

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

Result<model::ProviderEndpoint> unix_endpoint(std::string_view path) {
    if (!path.starts_with('/'))
        return not_an_endpoint("the path of the socket must be absolute: unix:///run/NAME.sock");
    if (path.size() > socket_path_max)
        return not_an_endpoint("the path of the socket is longer than 107 bytes");
    if (std::any_of(path.begin(), path.end(), is_control))
        return not_an_endpoint("the path of the socket holds a control character");
    model::ProviderEndpoint endpoint;
    // curl wants one, and the daemon sees it as the Host.
    endpoint.url = "http://localhost";
    endpoint.unix_socket = path;
    return endpoint;
}

Result<model::ProviderEndpoint> tcp_endpoint(std::string_view scheme,
                                             std::string_view authority,
                                             std::string_view default_port) {
    if (authority.find('@') != std::string_view::npos)
        return not_an_endpoint("it holds a user name");
    if (authority.ends_with('/')) authority.remove_suffix(1);
    if (authority.find_first_of("/?#") != std::string_view::npos)
        return not_an_endpoint("it holds more than a host and a port");
    std::string with_port(authority);
    const std::size_t host_end = authority.starts_with('[') ? authority.find(']') : 0;
    const bool has_port = host_end != std::string_view::npos &&
                          authority.find(':', host_end) != std::string_view::npos;
    if (!has_port) with_port.append(default_port);
    const auto parsed = parse_server_address(with_port);
    if (!parsed) return parsed.error();
    const bool is_v6 = parsed->host.find(':') != std::string::npos;
    model::ProviderEndpoint endpoint;
    endpoint.url = std::string(scheme) + "://" + (is_v6 ? '[' + parsed->host + ']' : parsed->host) +
                   ':' + std::to_string(parsed->port);
    return endpoint;
}

}  // namespace

Result<model::ProviderEndpoint> parse_daemon_endpoint(std::string_view text, bool https) {
    const auto begins = [&](std::string_view scheme) {
        return equal_ignoring_case(text.substr(0, scheme.size()), scheme);
    };
    constexpr std::string_view mark = "://";
    const std::size_t scheme_end = text.find(mark);
    const std::string_view rest =
        scheme_end == std::string_view::npos ? text : text.substr(scheme_end + mark.size());
    const std::string_view meant = https ? "https" : "http";
    if (begins("unix://")) return unix_endpoint(rest);
    if (begins("tcp://")) return tcp_endpoint(meant, rest, "");
    if (begins("http://")) return tcp_endpoint("http", rest, ":80");
    if (begins("https://")) return tcp_endpoint("https", rest, ":443");
    if (begins("ssh://"))
        return not_an_endpoint(
            "mesh speaks no SSH: forward the socket with ssh -L /run/docker-far.sock:"
            "/var/run/docker.sock HOST, and write unix:///run/docker-far.sock");
    if (begins("npipe://"))
        return not_an_endpoint("named pipes are for Windows: write unix:///var/run/docker.sock");
    if (scheme_end != std::string_view::npos)
        return not_an_endpoint("it begins with none of unix://, tcp://, http://, https://");
    return tcp_endpoint(meant, text, "");
}

bool is_in_clear(const model::ProviderEndpoint& endpoint) {
    if (!endpoint.unix_socket.empty() || !endpoint.url.starts_with("http:")) return false;
    const std::string host = host_of_url(endpoint.url);
    if (host == "localhost") return false;
    const auto address = IpAddress::parse(host);
    if (!address) return true;
    return std::none_of(std::begin(loopback), std::end(loopback), [&](const char* network) {
        return IpNetwork::parse(network)->contains(*address);
    });
}

}  // namespace mesh::config
