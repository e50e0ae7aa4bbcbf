#pragma once
#include "base/secret.hpp"
#include "http/client.hpp"

#include <string>

namespace mesh::http {

/// What a ClientCertificate stands for, read. libcurl points into it while a transfer lives.
struct ClientIdentity {
    std::string chain;        ///< PEM
    Secret key;               ///< PEM
    std::string description;  ///< for messages: "/x/cert.pem with key /x/key.pem"
};

/// Reads both files anew, so that one that was replaced is used by the next request. Errors
/// (invalid): a file that is not named, cannot be read, is over 1 MiB or holds no PEM of its kind;
/// a key under a pass phrase. Whether the two belong together, libcurl finds out.
[[nodiscard]] Result<ClientIdentity> read_client_identity(const ClientCertificate& files);

}  // namespace mesh::http
