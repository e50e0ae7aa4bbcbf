#pragma once
#include "fault/server/serving.hpp"

#include <memory>
#include <string>

namespace mesh::fault {

/// What a server shows to prove who it is.
struct ServerIdentity {
    std::string chain_pem;
    std::string key_pem;
    std::string root_pem;  ///< for `caCertificates`
};

/// An identity for "localhost" and 127.0.0.1 under a root of its own. `names` as in openssl.cnf;
/// `days` may be negative: expired.
[[nodiscard]] ServerIdentity make_server_identity(
    const std::string& names = "DNS:localhost,IP:127.0.0.1",
    int days = 1,
    const std::string& root = "Fault CA Root");

/// Gives a fault CA its place on 127.0.0.1: HTTP/1.1 over TLS on one thread of its own. What the
/// CA answers is decided elsewhere (Serving), so that the CA itself needs no lock. Throws
/// std::runtime_error when it cannot listen.
class CaServer {
 public:
    CaServer(ServerIdentity identity, Serving& serving);
    ~CaServer();
    CaServer(const CaServer&) = delete;
    CaServer& operator=(const CaServer&) = delete;

    [[nodiscard]] unsigned short port() const;
    /// "https://localhost:PORT"
    [[nodiscard]] std::string origin() const;
    /// Closes the listening socket and every connection; new ones are refused until `open`.
    void shut();
    /// Listens again, on the same port.
    void open();

 private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace mesh::fault
