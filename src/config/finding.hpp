#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace mesh::config {

enum class Severity { error, warning, note };

[[nodiscard]] std::string_view to_string(Severity severity);

/// One thing to say about a configuration, and where. Holds no value that came from a
/// substitution (`${…}`), so it may be shown and logged.
struct Finding {
    Severity severity = Severity::error;
    std::string code;  ///< stable, for scripts; docs/findings.md has them ("codes.hpp")
    std::string file;
    int line = 0;         ///< 1-based; 0: the file as a whole
    int column = 0;       ///< 1-based, in characters
    std::string path;     ///< dotted configuration path; empty: none
    std::string message;  ///< one sentence without a final stop
    std::string hint;     ///< what to do instead; may be empty
    std::string excerpt;  ///< the text concerned with a caret under the place; may be empty
};

/// "FILE:LINE:COL: error: WHAT (config.path); HINT", followed by the excerpt, if any, on lines
/// that begin with four spaces. No final newline.
[[nodiscard]] std::string render(const Finding& finding);

/// Sorts by file, line and column; what was found first stays first.
void sort_by_place(std::vector<Finding>& findings);

}  // namespace mesh::config
