#pragma once
#include "model/configuration.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The names that cipher suites and key exchange groups go by: IANA's, and Go's where they differ,
/// which are those of Traefik's configurations. In any case.
namespace mesh::config {

struct SuiteName {
    std::string_view iana;
    model::TlsVersion version;
    std::string_view refused_because;  ///< empty: it can be used
};

[[nodiscard]] const SuiteName* suite_named(std::string_view text);
/// Of those that can be used.
[[nodiscard]] std::vector<std::string> suite_names();

struct GroupName {
    std::string_view iana;
    std::string_view go;
    bool tls12;  ///< TLS 1.2 has it too
};

[[nodiscard]] const GroupName* group_named(std::string_view text);
/// As Go spells them.
[[nodiscard]] std::vector<std::string> group_names();

}  // namespace mesh::config
