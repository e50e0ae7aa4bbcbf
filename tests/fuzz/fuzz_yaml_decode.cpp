// A configuration file is either valid or has findings that point into it; none of them shows what
// a substitution stands for or a byte that a terminal would act upon, and no text takes long.
#include "config/load.hpp"
#include "fuzz/fuzz.hpp"

#include <algorithm>
#include <string>

namespace {

using mesh::config::Finding;
using mesh::config::LoadOptions;
using mesh::config::LoadResult;
using mesh::config::Severity;
using mesh::fuzz::require;

const std::string secret = "V3ryS3cretValue";

/// ${SECRET} is what its name says, ${NAME} a host name, everything else is not set.
std::optional<std::string> environment(std::string_view name) {
    if (name == "SECRET") return secret;
    if (name == "NAME") return "shop.example";
    return std::nullopt;
}

bool is_shown_safely(const std::string& text) {
    return std::none_of(text.begin(), text.end(), [](char c) {
        return c != '\n' && c != '\t' && ((c >= 0 && c < 0x20) || c == 0x7F);
    });
}

void check_finding(const Finding& finding, std::string_view text, bool may_name_secret) {
    const auto lines =
        std::count(text.begin(), text.end(), '\n') + std::count(text.begin(), text.end(), '\r') + 1;
    require(finding.line >= 0 && finding.line <= lines + 1);
    require(finding.column >= 0 && static_cast<std::size_t>(finding.column) <= text.size() + 1);
    require(!finding.message.empty() && !finding.code.empty());
    const std::string shown = render(finding);
    require(is_shown_safely(shown));
    require(shown.size() < 8192);
    require(may_name_secret || shown.find(secret) == std::string::npos);
}

void check(const LoadResult& result, std::string_view text) {
    const bool may_name_secret = text.find(secret) != std::string_view::npos;
    const bool has_error =
        std::any_of(result.findings.begin(), result.findings.end(), [](const Finding& finding) {
            return finding.severity == Severity::error;
        });
    require(result.configuration.has_value() == !has_error);
    require(result.findings.size() <= 1001 && !result.summary.empty());
    for (const Finding& finding : result.findings) check_finding(finding, text, may_name_secret);
    const std::string json = findings_json(result);
    require(json.starts_with('{') && json.ends_with('}'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = mesh::fuzz::text(data, size);
    check(mesh::config::load_text(text, "/nonexistent/mesh.yaml", {environment, false}), text);
    check(mesh::config::load_text(text, "/nonexistent/mesh.yaml", {environment, true}), text);
    return 0;
}
