#include "config/finding.hpp"

#include <algorithm>
#include <tuple>

namespace mesh::config {

std::string_view to_string(Severity severity) {
    switch (severity) {
        case Severity::error:
            return "error";
        case Severity::warning:
            return "warning";
        case Severity::note:
            return "note";
    }
    return "";
}

std::string render(const Finding& finding) {
    std::string out = finding.file;
    if (finding.line > 0)
        out += ':' + std::to_string(finding.line) + ':' + std::to_string(finding.column);
    out += ": ";
    out += to_string(finding.severity);
    out += ": " + finding.message;
    if (!finding.path.empty()) out += " (" + finding.path + ')';
    if (!finding.hint.empty()) out += "; " + finding.hint;
    if (!finding.excerpt.empty()) out += '\n' + finding.excerpt;
    return out;
}

void sort_by_place(std::vector<Finding>& findings) {
    std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
        return std::tie(a.file, a.line, a.column) < std::tie(b.file, b.line, b.column);
    });
}

}  // namespace mesh::config
