#include "config/finding_json.hpp"

#include <nlohmann/json.hpp>

namespace mesh::config {

nlohmann::ordered_json to_json(const Finding& finding) {
    return {{"severity", to_string(finding.severity)},
            {"code", finding.code},
            {"file", finding.file},
            {"line", finding.line},
            {"column", finding.column},
            {"path", finding.path},
            {"message", finding.message},
            {"hint", finding.hint},
            {"excerpt", finding.excerpt}};
}

}  // namespace mesh::config
