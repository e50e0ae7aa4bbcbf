#pragma once
// A data plane on an ephemeral port, built from a configuration in code.
#include "authority.hpp"
#include "proxy/data_plane.hpp"
#include "support/peer.hpp"

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace mesh::test {

/// Keeps every line, for tests to look at.
class RecordingLog final : public Log {
 public:
    void write(LogLevel level,
               std::string_view event,
               std::string_view message,
               std::initializer_list<LogField> fields) override;
    [[nodiscard]] bool enabled(LogLevel) const override { return enabled_; }
    /// Nothing is kept any more: for tests that measure memory.
    void disable() { enabled_ = false; }
    /// Lines that hold all of the texts: "WARN backend_down server cannot be reached service=…".
    [[nodiscard]] std::size_t count(std::vector<std::string> texts) const;
    [[nodiscard]] std::string all() const;

 private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
    std::atomic<bool> enabled_{true};
};

struct RouterOptions {
    bool tls = true;
    bool passthrough = false;
    std::string options = "default";
    std::string resolver;
};

/// What a plane is started with.
class PlaneBuilder {
 public:
    PlaneBuilder();
    PlaneBuilder& entry_point(const std::string& name);
    /// A router on the entry point named last, to one server per port.
    PlaneBuilder& router(const std::string& name,
                         const std::string& rule,
                         const std::vector<std::uint16_t>& ports,
                         const RouterOptions& options = {});
    PlaneBuilder& servers(const std::string& name, std::vector<model::Server> servers);
    model::TlsOptions& options(const std::string& name);

    model::Configuration configuration;
    std::map<std::string, std::string> client_ca_pem;
    proxy::UpstreamPolicies upstream;
    proxy::Limits limits;
    unsigned workers = 1;
    std::function<Result<certs::CredentialPtr>(const certs::CertificateEntry&)> load_credential;

 private:
    std::string entry_point_;
};

inline RouterOptions plain() {
    return {false, false, "default", ""};
}
inline RouterOptions passthrough() {
    return {true, true, "default", ""};
}
inline RouterOptions with_resolver() {
    return {true, false, "default", "ca"};
}
inline RouterOptions with_options(const std::string& name) {
    return {true, false, name, ""};
}

class Plane {
 public:
    explicit Plane(PlaneBuilder builder, bool start = true);
    ~Plane();
    Plane(const Plane&) = delete;
    Plane& operator=(const Plane&) = delete;

    [[nodiscard]] std::uint16_t port(std::size_t entry_point = 0) const;
    [[nodiscard]] Peer connect(std::size_t entry_point = 0) const {
        return Peer::connect_to(port(entry_point));
    }
    /// A certificate for the names, known to every worker and read already.
    certs::EntryPtr serve(const std::vector<std::string>& names,
                          const std::string& directory = "",
                          certs::CertificateId id = 0);
    /// Known by its names only; reading it is up to the builder's load_credential.
    certs::EntryPtr announce(const std::vector<std::string>& names, certs::CertificateId id);
    void put_challenge(const std::string& name, const std::string& key_authorization);
    /// Applies another configuration of the same entry points.
    void apply(const PlaneBuilder& builder);
    /// Returns when every worker has done all that was posted to it so far.
    void settle();
    /// True when no connection is left.
    [[nodiscard]] bool idle() const { return plane->counters().open == 0; }

    SystemClock clock;
    std::deque<RecordingLog> logs;
    std::mutex missing_mutex;
    std::vector<std::string> missing;  ///< names reported as without a certificate
    tls::test::World world;
    std::shared_ptr<const proxy::Snapshot> snapshot;
    std::unique_ptr<proxy::DataPlane> plane;

    [[nodiscard]] std::size_t logged(const std::vector<std::string>& texts) const;
    [[nodiscard]] std::string log_text() const;
};

}  // namespace mesh::test
