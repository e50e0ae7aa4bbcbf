#pragma once
#include <string>

namespace mesh::config {

/// The tables of all options and of all finding codes, in Markdown, as docs/configuration.md
/// holds them between its `generated` marks. Made from what decodes the configuration, so the
/// documentation cannot say anything else.
[[nodiscard]] std::string reference_markdown();

}  // namespace mesh::config
