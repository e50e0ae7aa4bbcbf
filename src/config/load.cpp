#include "config/load.hpp"

#include "base/regular_file.hpp"
#include "config/codes.hpp"
#include "config/files.hpp"
#include "config/finding_json.hpp"
#include "config/isolate.hpp"
#include "config/isolate_labels.hpp"
#include "config/label_files.hpp"
#include "config/label_objects.hpp"
#include "config/options.hpp"
#include "config/prefixes.hpp"
#include "config/problems.hpp"
#include "config/provider_files.hpp"
#include "config/resolve.hpp"
#include "config/source_text.hpp"
#include "config/toml.hpp"
#include "config/yaml.hpp"
#include "model/wanted.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

namespace mesh::config {
namespace {

/// More errors than this at once are refused, lest a file of many megabytes fill the memory.
constexpr std::size_t isolated_errors_max = 100'000;

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

/// Takes a text apart; nothing when that cannot be done at all.
std::optional<ParsedTree> parse(const Source& source) {
    model::Location file;
    file.file = source.file;
    if (source.text.size() > file_size_max) {
        source.problems.error(codes::limit, file, "the file is larger than 64 MiB");
        return std::nullopt;
    }
    if (!check_source_text(source.text, file, source.problems)) return std::nullopt;
    return source.file->ends_with(".toml") ? parse_toml(source.text, file, source.problems)
                                           : parse_yaml(source.text, file, source.problems);
}

/// One reading of a configuration: the main file, and those it names as providers.file.
class Loading {
 public:
    Loading(std::string_view text, const std::string& file, const LoadOptions& options)
        : options_(options),
          problems_(held_max()),
          main_(source_of(file, text)),
          named_{options.known_files, {}} {}

    LoadResult run() {
        main_.is_running = options_.isolation != nullptr || !options_.inventories.empty();
        const auto parsed = parse(main_);
        if (!parsed) return finish(std::nullopt);
        draft_ = std::make_shared<Draft>(decode(main_, parsed->tree.node(parsed->root)));
        add_provider_files();
        add_label_files();
        add_inventories();
        auto configuration =
            isolates_files() || labels_ ? resolve_isolated() : resolve(main_, *draft_, named_);
        if (configuration) configuration->file_provider = provider_;
        return finish(std::move(configuration));
    }

 private:
    Source source_of(const std::string& file, std::string_view text) {
        return {std::make_shared<const std::string>(file),
                without_byte_order_mark(text),
                folder_of(file),
                options_.environment,
                options_.no_secrets,
                problems_};
    }

    void add_provider_files() {
        if (!draft_->providers.file) return;
        const FileProviderDraft& named = *draft_->providers.file;
        provider_ = provider_of(named, problems_);
        if (!provider_) return;
        files_ = options_.provider_files != nullptr
                     ? *options_.provider_files
                     : read_provider_files(*provider_, named.at, problems_);
        for (const NamedText& file : files_) {
            const Source source = source_of(file.name, file.text);
            if (const auto parsed = parse(source))
                decode_dynamic(source, parsed->tree.node(parsed->root), *draft_);
        }
    }

    /// Adds what the files with labels and tags define.
    void add_label_files() {
        for (const LabelFileName& file : options_.label_files) {
            const auto text = read_regular_file(file.path, label_file_size_max);
            if (!text) {
                problems_.error(codes::unreadable,
                                {std::make_shared<const std::string>(file.path), 0, 0, {}},
                                "cannot read the file: " + text.error().message);
                continue;
            }
            const auto units = file.is_tags ? read_tags(*text, file.path, problems_)
                                            : read_labels(*text, file.path, problems_);
            for (const LabelledUnit& unit : units)
                add_labelled(unit, options_.label_prefixes, *draft_, problems_);
        }
    }

    /// Adds what providers know, where the configuration has their sections.
    void add_inventories() {
        if (options_.inventories.empty()) return;
        labels_.emplace(*draft_, last_good());
        const auto add = [&](std::string_view provider, const LabelProviderDraft& draft) {
            for (const InventoryPtr& inventory : options_.inventories)
                if (inventory && inventory->provider == provider)
                    labels_->add(inventory, prefixes_of(draft));
        };
        if (draft_->providers.docker) add("docker", *draft_->providers.docker);
        if (draft_->providers.consul_catalog)
            add("consulcatalog", *draft_->providers.consul_catalog);
        labels_->merge();
    }

    [[nodiscard]] const Draft* last_good() const {
        return options_.isolation != nullptr ? options_.isolation->last_good.get() : nullptr;
    }

    [[nodiscard]] bool isolates_files() const {
        return provider_ && provider_->partial && options_.isolation != nullptr;
    }

    [[nodiscard]] std::set<std::string> isolated_files() const {
        std::set<std::string> names;
        for (const NamedText& file : files_) names.insert(file.name);
        return names;
    }

    /// Again and again, because what is taken out may be missed elsewhere: a router misses its
    /// service, never the other way round, so it is soon over.
    std::optional<model::Configuration> resolve_isolated() {
        Isolator isolator(*draft_, isolated_files(), last_good());
        bool all_known = !problems_.hides_errors();
        std::vector<Finding> first = problems_.take_held();
        if (isolates_files())
            first.insert(first.end(),
                         options_.isolation->known_errors.begin(),
                         options_.isolation->known_errors.end());
        std::vector<Finding> errors = first;
        // First of all: what misses what such a file held is not wrong itself.
        const bool replaced = isolates_files() && isolator.replace_files(errors);
        std::optional<model::Configuration> as_written;
        for (int turn = 0; turn < turns_max; ++turn) {
            problems_ = Problems(held_max(), labels_.has_value());
            auto configuration = resolve(main_, *draft_, named_, Lint::when_right);
            all_known = all_known && !problems_.hides_errors();
            const Problems::Aside of_labels = problems_.take_aside();
            std::vector<Finding> found = problems_.take_held();
            if (turn == 0) {
                first.insert(first.end(), found.begin(), found.end());
                as_written = configuration;
            }
            errors.insert(errors.end(), found.begin(), found.end());
            const bool files_are_right = std::none_of(errors.begin(), errors.end(), is_error);
            if (files_are_right && of_labels.empty()) {
                isolated_ = isolator.isolated();
                warn_of(first, found);
                return configuration;
            }
            if (labels_) labels_->take_out(of_labels);
            const bool can_go_on = isolates_files() ? replaced && all_known : files_are_right;
            if (!can_go_on || (isolates_files() && !isolator.take_out(errors))) break;
            errors.clear();
        }
        const bool is_refused = std::any_of(first.begin(), first.end(), is_error);
        problems_ = Problems();
        for (Finding& finding : first) problems_.add(std::move(finding));
        if (labels_) warn_of_labels();
        // What is half taken out might be laxer than what was meant.
        if (!is_refused)
            problems_.error(codes::limit,
                            {main_.file, 0, 0, {}},
                            "what is wrong in labels cannot be told from what is right");
        return as_written;
    }

    /// To be isolated an error has to be known, shown or not.
    [[nodiscard]] std::size_t held_max() const {
        return options_.isolation != nullptr ? isolated_errors_max : Problems::kept_max;
    }

    static bool is_error(const Finding& finding) { return finding.severity == Severity::error; }

    /// What was wrong at first stays visible, as warnings beside those of what is applied.
    void warn_of(const std::vector<Finding>& first, const std::vector<Finding>& last) {
        problems_ = Problems();
        for (const Finding& finding : first)
            if (is_error(finding)) warn_of(finding);
        if (labels_) warn_of_labels();
        for (const Finding& finding : last) problems_.add(finding);
        if (labels_) {
            labels_->keep_last_forms();
            isolated_.insert(
                isolated_.end(), labels_->isolated().begin(), labels_->isolated().end());
        }
        for (const Isolated& isolated : isolated_) warn_of(isolated);
    }

    void warn_of(Finding finding) {
        finding.severity = Severity::warning;
        problems_.add(std::move(finding));
    }

    /// Errors in labels are never the configuration's.
    void warn_of_labels() {
        for (const Finding& finding : labels_->findings()) {
            if (is_error(finding))
                warn_of(finding);
            else
                problems_.add(finding);
        }
    }

    void warn_of(const Isolated& isolated) {
        Finding finding;
        finding.severity = Severity::warning;
        finding.code = isolated.state == Isolated::State::stale ? codes::stale : codes::closed;
        finding.file = isolated.of_labels ? isolated.source : *main_.file;
        finding.path = isolated.path;
        finding.message = isolated.state == Isolated::State::stale
                              ? "it cannot be applied: the form that worked last stays"
                          : isolated.state == Isolated::State::closed
                              ? "it cannot be applied: what it matches is refused"
                              : "it cannot be applied and is left out";
        problems_.add(std::move(finding));
    }

    LoadResult finish(std::optional<model::Configuration> configuration) {
        LoadResult result;
        if (configuration) result.storage = configuration->storage;
        if (problems_.errors() == 0) result.configuration = std::move(configuration);
        result.file = *main_.file;
        result.errors = problems_.errors();
        result.warnings = problems_.warnings();
        result.findings = problems_.take();
        result.summary = summary_of(result, {});
        result.provider_files = std::move(files_);
        result.named_files = std::move(named_.paths);
        result.isolated = std::move(isolated_);
        if (result.configuration) result.draft = std::move(draft_);
        return result;
    }

    /// Of files and of labels: each object is put back, closed and left out once at most.
    static constexpr int turns_max = 16;

    const LoadOptions& options_;
    Problems problems_;
    Source main_;
    std::shared_ptr<Draft> draft_;
    std::optional<model::FileProvider> provider_;
    std::optional<LabelIsolator> labels_;  ///< nothing where no provider is asked
    std::vector<NamedText> files_;
    NamedFiles named_;
    std::vector<Isolated> isolated_;
};

}  // namespace

std::optional<std::string> process_environment(std::string_view name) {
    const char* const value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
}

LoadResult load_text(std::string_view text,
                     const std::string& file_name,
                     const LoadOptions& options) {
    return Loading(text, file_name, options).run();
}

LoadResult load_file(const std::string& path, const LoadOptions& options) {
    const auto text = read_regular_file(path, file_size_max);
    if (text) return load_text(*text, path, options);
    LoadResult result;
    result.file = path;
    Finding finding;
    finding.code = codes::unreadable;
    finding.file = path;
    finding.message = "cannot read the file: " + text.error().message;
    add_findings(result, {std::move(finding)}, {});
    return result;
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
