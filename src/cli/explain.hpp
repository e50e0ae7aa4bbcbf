#pragma once
#include "app/file_certificates.hpp"
#include "base/hostname.hpp"
#include "certs/certificate_index.hpp"
#include "model/configuration.hpp"
#include "model/wanted.hpp"
#include "proxy/snapshot.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What becomes of a connection that asks for a name, told without making one: decided by the
/// same tables that route connections and choose certificates.
namespace mesh::cli {

/// What `mesh check --explain NAME[:PORT]` asks about.
struct ExplainTarget {
    Hostname name;
    std::optional<std::uint16_t> port;  ///< nothing: every entry point
};

/// Errors: invalid, in a sentence for people. The name may be international.
[[nodiscard]] Result<ExplainTarget> parse_explain_target(std::string_view text);

/// What a connection is decided by.
struct Deciding {
    model::Configuration configuration;
    std::shared_ptr<const proxy::Snapshot> snapshot;
    app::TlsFiles files;
    std::vector<certs::EntryPtr> stored;
    model::WantedSet wanted;
    WallTime now;
};

/// Reads the files that the configuration names, and the store if there is one; one that cannot be
/// read is told of on stderr and done without. What a configuration without its secrets leaves out
/// counts as there: an address of port 0, a service without servers. Errors: TLS options that
/// cannot be used.
[[nodiscard]] Result<Deciding> look_at_what_decides(model::Configuration configuration,
                                                    bool no_secrets,
                                                    WallTime now);

/// What a client is presented.
struct PresentedCertificate {
    enum class Source {
        server,       ///< the server's own: TLS is passed through
        file,         ///< tls.certificates
        store,        ///< ordered or imported
        fallback,     ///< tls.stores.default.defaultCertificate
        generated,    ///< tls.stores.default.defaultGeneratedCert
        self_signed,  ///< mesh's own
        refused,      ///< none: the client is refused
    };
    Source source = Source::refused;
    std::string file;                   ///< certFile, of `file` and `fallback`
    std::vector<std::string> names;     ///< of `file`, `store` and `generated`
    std::optional<WallTime> not_after;  ///< likewise
    bool valid = false;                 ///< likewise
    /// What the router's resolver orders for the name; null: nothing.
    const model::WantedCertificate* wanted = nullptr;
};
[[nodiscard]] std::string_view to_string(PresentedCertificate::Source source);

/// A service that another one is made of.
struct ExplainedPart {
    const model::Service* service = nullptr;
    unsigned weight = 1;
    std::vector<ExplainedPart> parts;
};

/// What one entry point does. Pointers lead into the Deciding.
struct Explanation {
    const model::EntryPoint* entry_point = nullptr;
    bool plain_only = false;                ///< it has no TLS router, so the name is not looked at
    const model::Router* router = nullptr;  ///< null: refused
    /// Routers that come before it and take some clients, by their address or the protocols they
    /// offer; the first one first.
    std::vector<const model::Router*> unless;
    std::optional<std::string> nearest;  ///< without a router: a name that may have been meant
    std::string options;                 ///< of `tls.options`; empty: TLS is not terminated
    std::optional<PresentedCertificate> certificate;  ///< nothing: without TLS
    const model::Service* service = nullptr;
    std::vector<ExplainedPart> parts;  ///< of the service, down to those that have servers
};

/// One for each entry point that is asked about, by name. For a client whose address and protocols
/// no rule names.
[[nodiscard]] std::vector<Explanation> explain(const Deciding& deciding,
                                               const ExplainTarget& target);

/// For people, several lines, the first not indented.
[[nodiscard]] std::string describe_explanation(const Explanation& explanation,
                                               const ExplainTarget& target);

/// As docs/configuration.md has it.
[[nodiscard]] nlohmann::ordered_json explanations_json(const std::vector<Explanation>& explanations,
                                                       const ExplainTarget& target);

}  // namespace mesh::cli
