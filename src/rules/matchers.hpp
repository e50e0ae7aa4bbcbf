#pragma once
#include "base/hostname.hpp"
#include "base/ip_network.hpp"
#include "rules/connection_facts.hpp"
#include "rules/regexp.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <variant>

namespace mesh::rules {

/// `HostSNI(...)`. Without a pattern it is `*`, which every connection matches, also one that
/// names no host.
struct HostSni {
    std::optional<HostPattern> pattern;

    [[nodiscard]] bool matches(const ConnectionFacts& facts) const {
        return !pattern || (facts.sni != nullptr && pattern->matches(*facts.sni));
    }
};

/// `HostSNIRegexp(...)`: matches anywhere in the name, as Traefik's. No name is the empty text.
struct HostSniRegexp {
    Regexp regexp;

    [[nodiscard]] bool matches(const ConnectionFacts& facts) const {
        return regexp.matches(facts.sni != nullptr ? std::string_view(facts.sni->text())
                                                   : std::string_view());
    }
};

/// `ClientIP(...)`: an address or a network.
struct ClientIp {
    IpNetwork network;

    [[nodiscard]] bool matches(const ConnectionFacts& facts) const {
        return facts.client && network.contains(*facts.client);
    }
};

/// `ALPN(...)`: the client offers the protocol, beside whatever else.
struct Alpn {
    std::string protocol;

    [[nodiscard]] bool matches(const ConnectionFacts& facts) const {
        return std::find(facts.alpn.begin(), facts.alpn.end(), protocol) != facts.alpn.end();
    }
};

using Matcher = std::variant<HostSni, HostSniRegexp, ClientIp, Alpn>;

}  // namespace mesh::rules
