#include "providers/endpoint.hpp"

namespace mesh::providers {

http::Request get(const model::ProviderEndpoint& endpoint, std::string_view path) {
    http::Request request;
    request.url = endpoint.url;
    request.url.append(path);
    request.unix_socket = endpoint.unix_socket;
    request.https_only = false;
    // A proxy is for what lies outside; this one would read the token.
    request.direct = true;
    request.trust = {endpoint.ca_files.empty(), endpoint.ca_files};
    request.client_certificate = {endpoint.cert_file, endpoint.key_file};
    return request;
}

std::string describe(const model::ProviderEndpoint& endpoint) {
    return endpoint.unix_socket.empty() ? endpoint.url : "unix://" + endpoint.unix_socket;
}

}  // namespace mesh::providers
