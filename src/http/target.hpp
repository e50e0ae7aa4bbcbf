#pragma once
#include "http/client.hpp"

#include <string>

namespace mesh::http {

/// Where a request goes, read out of its URL once.
struct Target {
    std::string scheme;  ///< "http" or "https"
    /// For messages: "ca.example:443" or the path of the unix socket. Never user or password.
    std::string authority;
    /// Requests with the same key share the bound on connections.
    std::string key;
    [[nodiscard]] bool encrypted() const { return scheme == "https"; }
};

/// Checks everything about a request that needs no network. Errors (invalid): a URL that does not
/// parse, a scheme the request does not allow, header fields that would break the message, no
/// time bound on a body that is collected.
[[nodiscard]] Result<Target> examine(const Request& request);

}  // namespace mesh::http
