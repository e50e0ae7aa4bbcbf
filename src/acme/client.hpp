#pragma once
#include "acme/types.hpp"
#include "base/clock.hpp"
#include "base/executor.hpp"
#include "base/log.hpp"
#include "http/client.hpp"
#include "tls/key_pair.hpp"

#include <boost/system/result.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace mesh::acme {

/// Like Result, with an ACME failure. `value()` on a failure throws std::runtime_error.
template <class T>
using Outcome = boost::system::result<T, Failure>;
[[noreturn]] void throw_exception_from_error(const Failure& failure,
                                             const boost::source_location& location);
template <class T>
using Handler = std::function<void(Outcome<T>)>;

struct ClientSettings {
    std::string directory_url;
    http::Trust trust;
    std::chrono::milliseconds request_timeout{30'000};
    unsigned in_flight_max = 8;  ///< requests of this CA at once; more wait in order
};

/// The account a request is signed with. `url` empty: newAccount has not been answered yet.
struct Account {
    tls::PrivateKey key;
    std::string url;
};

/// One CA. Each function is one RFC 8555 request (plus the directory and a nonce when those are
/// missing, and a repetition on badNonce, at once, at most 10 times). Bound to one executor; every
/// handler runs on it, exactly once, never from inside the call. No request is sent before the
/// first call.
class Client {
 public:
    virtual ~Client() = default;

    virtual void directory(Handler<Directory> done) = 0;
    /// RFC 8555 §7.3; agrees to the terms. The same key gives the same account.
    virtual void new_account(const tls::PrivateKey& key,
                             const std::string& email,
                             Handler<AccountResource> done) = 0;
    virtual void new_order(const Account& account,
                           const std::vector<HostPattern>& names,
                           const std::string& profile,
                           Handler<OrderResource> done) = 0;
    virtual void fetch_order(const Account& account,
                             const std::string& url,
                             Handler<OrderResource> done) = 0;
    virtual void fetch_authorization(const Account& account,
                                     const std::string& url,
                                     Handler<AuthorizationResource> done) = 0;
    /// Tells the CA to validate (RFC 8555 §7.5.1). Telling it twice succeeds too: where the CA
    /// objects, the challenge is read once more and counts as told when it has been begun.
    virtual void respond(const Account& account,
                         const std::string& challenge_url,
                         Handler<std::optional<WallTime>> done) = 0;
    /// RFC 8555 §7.4. An accepted finalize never answers `ready`: a CA that does not show yet that
    /// it has begun counts as `processing`.
    virtual void finalize(const Account& account,
                          const std::string& url,
                          const Bytes& csr,
                          Handler<OrderResource> done) = 0;
    virtual void download(const Account& account,
                          const std::string& url,
                          Handler<DownloadedChain> done) = 0;

    /// CA's clock minus ours at the last answer with a Date header.
    [[nodiscard]] virtual std::optional<std::chrono::milliseconds> clock_offset() const = 0;
    /// Terms of service of the directory last fetched, or empty.
    [[nodiscard]] virtual std::string terms_of_service() const = 0;
    /// Forgets the cached directory and nonces (after the CA was away).
    virtual void forget() = 0;
};

/// `http` and `executor` must outlive the client. Destroying it drops outstanding handlers.
[[nodiscard]] std::unique_ptr<Client> make_client(
    ClientSettings settings, http::Client& http, Executor& executor, const Clock& clock, Log& log);

/// token "." base64url(SHA-256(JWK)) (RFC 8555 §8.1).
[[nodiscard]] Result<std::string> key_authorization(std::string_view token,
                                                    const tls::PrivateKey& account_key);

}  // namespace mesh::acme
