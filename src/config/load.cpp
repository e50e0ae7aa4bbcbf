#include "config/load.hpp"

#include "base/regular_file.hpp"
#include "config/codes.hpp"
#include "config/files.hpp"
#include "config/finding_json.hpp"
#include "config/label_files.hpp"
#include "config/label_objects.hpp"
#include "config/options.hpp"
#include "config/problems.hpp"
#include "config/resolve.hpp"
#include "config/source_text.hpp"
#include "config/toml.hpp"
#include "config/yaml.hpp"
#include "model/wanted.hpp"

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <utility>

namespace mesh::config {
namespace {

std::string counted(std::size_t count, std::string_view what) {
    return std::to_string(count) + ' ' + std::string(what) + (count == 1 ? "" : "s");
}

std::string summary_of(const LoadResult& result,
                       const std::vector<std::vector<HostPattern>>& covered) {
    std::string out = result.file + (result.configuration ? ": valid: " : ": invalid: ");
    if (const auto& configuration = result.configuration) {
        out += counted(configuration->entry_points.size(), "entry point") + ", " +
               counted(configuration->routers.size(), "router") + ", " +
               counted(model::wanted_certificates(*configuration, covered).certificates.size(),
                       "certificate");
    } else {
        out += counted(result.errors, "error");
    }
    if (result.warnings > 0) out += ", " + counted(result.warnings, "warning");
    return out;
}

/// The draft of a text; nothing when it could not be taken apart at all.
std::optional<Draft> decode_text(const Source& source, Problems& problems) {
    model::Location file;
    file.file = source.file;
    if (source.text.size() > file_size_max) {
        problems.error(codes::limit, file, "the file is larger than 64 MiB");
        return std::nullopt;
    }
    if (!check_source_text(source.text, file, problems)) return std::nullopt;
    const auto parsed = source.file->ends_with(".toml") ? parse_toml(source.text, file, problems)
                                                        : parse_yaml(source.text, file, problems);
    if (!parsed) return std::nullopt;
    return decode(source, parsed->tree.node(parsed->root));
}

/// Adds what the files with labels and tags define.
void add_label_files(const LoadOptions& options, Draft& draft, Problems& problems) {
    for (const LabelFileName& file : options.label_files) {
        const auto text = read_regular_file(file.path, label_file_size_max);
        if (!text) {
            problems.error(codes::unreadable,
                           {std::make_shared<const std::string>(file.path), 0, 0, {}},
                           "cannot read the file: " + text.error().message);
            continue;
        }
        const auto units = file.is_tags ? read_tags(*text, file.path, problems)
                                        : read_labels(*text, file.path, problems);
        for (const LabelledUnit& unit : units)
            add_labelled(unit, options.label_prefixes, draft, problems);
    }
}

LoadResult finish(std::optional<model::Configuration> configuration,
                  const std::string& file,
                  Problems& problems) {
    LoadResult result;
    if (configuration) result.storage = configuration->storage;
    if (problems.errors() == 0) result.configuration = std::move(configuration);
    result.file = file;
    result.errors = problems.errors();
    result.warnings = problems.warnings();
    result.findings = problems.take();
    result.summary = summary_of(result, {});
    return result;
}

}  // namespace

std::optional<std::string> process_environment(std::string_view name) {
    const char* const value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
}

LoadResult load_text(std::string_view text,
                     const std::string& file_name,
                     const LoadOptions& options) {
    Problems problems;
    const Source source{std::make_shared<const std::string>(file_name),
                        without_byte_order_mark(text),
                        folder_of(file_name),
                        options.environment,
                        options.no_secrets,
                        problems};
    std::optional<model::Configuration> configuration;
    if (auto draft = decode_text(source, problems)) {
        add_label_files(options, *draft, problems);
        configuration = resolve(source, std::move(*draft));
    }
    return finish(std::move(configuration), file_name, problems);
}

LoadResult load_file(const std::string& path, const LoadOptions& options) {
    const auto text = read_regular_file(path, file_size_max);
    if (text) return load_text(*text, path, options);
    model::Location file;
    file.file = std::make_shared<const std::string>(path);
    Problems problems;
    problems.error(codes::unreadable, file, "cannot read the file: " + text.error().message);
    return finish(std::nullopt, path, problems);
}

void add_findings(LoadResult& result,
                  std::vector<Finding> findings,
                  const std::vector<std::vector<HostPattern>>& covered) {
    for (Finding& finding : findings) {
        if (finding.severity == Severity::error) ++result.errors;
        if (finding.severity == Severity::warning) ++result.warnings;
        result.findings.push_back(std::move(finding));
    }
    sort_by_place(result.findings);
    if (result.errors > 0) result.configuration.reset();
    result.summary = summary_of(result, covered);
}

std::string findings_json(const LoadResult& result) {
    nlohmann::ordered_json findings = nlohmann::ordered_json::array();
    for (const Finding& finding : result.findings) findings.push_back(to_json(finding));
    const nlohmann::ordered_json document = {{"version", 1},
                                             {"valid", result.configuration.has_value()},
                                             {"findings", std::move(findings)}};
    // A file name need not be UTF-8.
    return document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace mesh::config
