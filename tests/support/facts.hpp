#pragma once
#include "rules/connection_facts.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::test {

/// The facts of a connection, owned.
struct Facts {
    std::optional<Hostname> sni;
    std::optional<IpAddress> client;
    std::vector<std::string> alpn;

    /// A view, which must not outlive this.
    operator rules::ConnectionFacts() const {  // NOLINT(google-explicit-constructor)
        return {sni ? &*sni : nullptr, client, alpn};
    }
};

/// "" stands for none.
[[nodiscard]] inline Facts facts(std::string_view sni,
                                 std::string_view client = "",
                                 std::vector<std::string> alpn = {}) {
    Facts out;
    if (!sni.empty()) out.sni = Hostname::parse(sni).value();
    out.client = IpAddress::parse(client);
    out.alpn = std::move(alpn);
    return out;
}

}  // namespace mesh::test
