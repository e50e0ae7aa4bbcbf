#pragma once
#include "config/load.hpp"
#include "fuzz/fuzz.hpp"

#include <algorithm>
#include <string>
#include <vector>

/// What holds of the findings of any text, whatever its notation.
namespace mesh::fuzz {

inline const std::string secret = "V3ryS3cretValue";

/// ${SECRET} is what its name says, ${NAME} a host name, everything else is not set.
inline std::optional<std::string> environment(std::string_view name) {
    if (name == "SECRET") return secret;
    if (name == "NAME") return "shop.example";
    return std::nullopt;
}

inline bool is_shown_safely(const std::string& text) {
    return std::none_of(text.begin(), text.end(), [](char c) {
        return c != '\n' && c != '\t' && ((c >= 0 && c < 0x20) || c == 0x7F);
    });
}

/// Each points into `text` and shows nothing that a terminal would act upon.
inline void check_findings(const std::vector<config::Finding>& findings, std::string_view text) {
    const auto lines =
        std::count(text.begin(), text.end(), '\n') + std::count(text.begin(), text.end(), '\r') + 1;
    const bool may_name_secret = text.find(secret) != std::string_view::npos;
    require(findings.size() <= 1001);
    for (const config::Finding& finding : findings) {
        require(finding.line >= 0 && finding.line <= lines + 1);
        require(finding.column >= 0 && static_cast<std::size_t>(finding.column) <= text.size() + 1);
        require(!finding.message.empty() && !finding.code.empty());
        const std::string shown = render(finding);
        require(is_shown_safely(shown));
        require(shown.size() < 8192);
        require(may_name_secret || shown.find(secret) == std::string::npos);
    }
}

/// A text is either valid or has an error.
inline void check_result(const config::LoadResult& result, std::string_view text) {
    const auto& findings = result.findings;
    const bool has_error =
        std::any_of(findings.begin(), findings.end(), [](const config::Finding& finding) {
            return finding.severity == config::Severity::error;
        });
    require(result.configuration.has_value() == !has_error);
    require(!result.summary.empty());
    check_findings(findings, text);
    const std::string json = findings_json(result);
    require(json.starts_with('{') && json.ends_with('}'));
}

}  // namespace mesh::fuzz
