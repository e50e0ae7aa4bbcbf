#pragma once
#include "base/hostname.hpp"
#include "base/result.hpp"

#include <string>
#include <string_view>

namespace mesh {

/// A host name as people write it, in the form DNS and TLS carry: each label that holds more than
/// ASCII becomes its A-label (`bücher.example` → `xn--bcher-kva.example`), by IDNA 2008 with the
/// mapping of UTS #46, non-transitional (`ß` stays itself). `*.` in front stays. ASCII text comes
/// back as it is, checked by nothing here. For what operators write only: a name from the network
/// is compared as it came.
///
/// `name`: UTF-8, at most 1 KiB. Errors: no international name that DNS holds; the message says
/// why, without the name.
[[nodiscard]] Result<std::string> to_a_labels(std::string_view name);

/// HostPattern::parse of a name as people write it.
[[nodiscard]] Result<HostPattern> parse_written_name(std::string_view name);

}  // namespace mesh
