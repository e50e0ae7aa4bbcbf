#pragma once
#include "base/executor.hpp"
#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::http {

/// Whom to believe when a server shows its certificate. Verification cannot be switched off.
struct Trust {
    bool system_pool = true;
    std::vector<std::string> ca_files;  ///< PEM, absolute paths, in addition
    auto operator<=>(const Trust&) const = default;
};

/// What the client shows of itself where a server asks for a certificate. PEM, absolute paths; read
/// anew for every request. Requests with different certificates share no connection.
struct ClientCertificate {
    std::string cert_file;  ///< empty: nothing is shown
    std::string key_file;
    auto operator<=>(const ClientCertificate&) const = default;
};

enum class Method { get, head, post };

struct Request {
    Method method = Method::get;
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    Trust trust;
    ClientCertificate client_certificate;
    std::string unix_socket;  ///< path; empty: TCP to the URL's host
    bool https_only = true;
    /// Not by a proxy that the environment names (http_proxy, all_proxy), whatever no_proxy says.
    bool direct = false;
    std::chrono::milliseconds timeout{30'000};  ///< whole exchange; zero only with a body_sink
    /// Name, TCP and TLS; also where the whole exchange has no bound.
    std::chrono::milliseconds connect_timeout{10'000};
    std::size_t body_size_max = 1 << 20;  ///< of Response::body; larger: Errc::limit
    /// When set, body bytes go here as they arrive instead of into Response::body; returning
    /// false ends the exchange with Errc::cancelled. Called on the client's thread, perhaps once
    /// more while cancel() returns.
    std::function<bool(std::string_view)> body_sink;
};

struct Response {
    int status = 0;
    /// Header fields in the order received; the whole block is bounded (64 KiB, 200 fields).
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    /// First field of that name (case ignored), or empty.
    [[nodiscard]] std::string_view header(std::string_view name) const;
    [[nodiscard]] std::vector<std::string_view> all_headers(std::string_view name) const;
};

using RequestId = std::uint64_t;
using Completion = std::function<void(Result<Response>)>;

/// Sends HTTP requests without blocking the caller. Redirects are never followed; content
/// encodings are never asked for. A POST with a body reaches a server once at most: when its
/// connection ends without an answer, that is an error (io) and the caller's to judge.
///
/// Errors given to the completion: timeout, io (no connection, cut off), tls (the server's
/// certificate does not verify; the message names subject and trust; or it does not accept ours),
/// limit (body or header too large), cancelled, invalid (bad URL, unusable files).
///
/// A peer that is gone without a word is noticed within a minute, which ends a stream without a
/// time limit too. Its connecting is bounded like any other's.
class Client {
 public:
    virtual ~Client() = default;
    /// Thread-safe. `done` runs exactly once, on `executor`, unless the request is cancelled
    /// or the client destroyed first: then it never runs.
    virtual RequestId send(Request request, Executor& executor, Completion done) = 0;
    /// Thread-safe. After it returns, `done` of that request is not posted any more.
    virtual void cancel(RequestId id) = 0;
};

/// One curl_multi loop on one thread of its own. `user_agent` goes with every request
/// (RFC 8555 §6.1). At most `per_host` connections to one host; more requests wait their turn
/// inside their own deadline. That many stay open between requests, so that long polls to a host
/// use theirs again.
[[nodiscard]] std::unique_ptr<Client> make_curl_client(std::string user_agent,
                                                       unsigned per_host = 8);

/// "libcurl 7.88.1 (OpenSSL/3.0.22)" at run time, and as compiled against.
[[nodiscard]] std::string runtime_version();
[[nodiscard]] std::string build_version();

}  // namespace mesh::http
