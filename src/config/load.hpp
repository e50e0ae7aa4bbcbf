#pragma once
#include "config/finding.hpp"
#include "model/configuration.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::config {

/// Looks an environment variable up; nothing when it is not set.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

/// The environment of this process. Not to be called while another thread changes it.
[[nodiscard]] std::optional<std::string> process_environment(std::string_view name);

/// Labels or tags to check as if a provider had found them.
struct LabelFileName {
    std::string path;
    bool is_tags = false;  ///< JSON tags of a service, else labels of a container
};

/// A file as it was read.
struct NamedText {
    std::string name;
    std::string text;
};

struct Draft;
struct Inventory;
using InventoryPtr = std::shared_ptr<const Inventory>;

/// What a running mesh knows and `mesh check` does not: with it, `providers.file.onError: partial`
/// leaves out what is wrong instead of refusing everything.
struct Isolation {
    std::shared_ptr<const Draft> last_good;  ///< of the configuration applied last; may be null
    /// Errors that were found in the files a configuration names; they count as their objects'.
    std::vector<Finding> known_errors;
};

/// An object of providers.file or of labels that is not applied as it is written.
struct Isolated {
    enum class State {
        stale,     ///< the form that worked last stays
        closed,    ///< a router: what it matches is refused
        left_out,  ///< it is not there
    };
    std::string path;  ///< "tcp.routers.shop"
    State state = State::left_out;
    std::string reason;  ///< the first error, as `mesh check` shows it
    bool of_labels = false;
    std::string source = {};  ///< of labels: "container web"
};
[[nodiscard]] std::string_view to_string(Isolated::State state);  ///< "stale", "closed", "left out"

struct LoadOptions {
    /// For `${NAME}` and $STATE_DIRECTORY. Empty: no variable is set.
    Environment environment;
    /// Unset variables and missing key files become warnings: for checking a configuration on a
    /// machine that does not have the secrets. What depends on them is then left out of the model.
    bool no_secrets = false;
    /// Null: every error refuses everything, and nothing is running.
    const Isolation* isolation = nullptr;
    /// The files of providers.file as they were kept, instead of those on disk.
    const std::vector<NamedText>* provider_files = nullptr;
    /// Files with certificates, keys and CAs that the caller reads himself and has read before:
    /// whether they can be read now is left to him.
    const std::set<std::string>* known_files = nullptr;
    std::vector<LabelFileName> label_files = {};
    std::vector<std::string> label_prefixes = {"mesh"};  ///< of `label_files`
    /// What the providers of labels and tags know, each at most once. Counts where the
    /// configuration has the section of its provider. What is wrong in labels takes out the object
    /// concerned and nothing else, whatever `isolation` says of files; its `last_good` counts for
    /// both.
    std::vector<InventoryPtr> inventories = {};
};

struct LoadResult {
    std::optional<model::Configuration> configuration;  ///< set if and only if there is no error
    std::vector<Finding> findings;                      ///< sorted by place; at most 1,001
    /// "mesh.yaml: valid: 2 entry points, 40 routers, 38 certificates, 1 warning" or
    /// "mesh.yaml: invalid: 3 errors, 1 warning".
    std::string summary;

    /// The store's absolute path, of an invalid file too as far as it could be taken apart; else
    /// empty.
    std::string storage;
    std::string file;                       ///< as it was named
    std::vector<NamedText> provider_files;  ///< as they were read, sorted
    std::vector<std::string> named_files;   ///< certificates, keys, CAs; readable or not
    std::vector<Isolated> isolated;         ///< by `onError: partial`, or of labels
    std::shared_ptr<const Draft> draft;     ///< what was applied, for the next Isolation
    std::size_t errors = 0;                 ///< all, also those not among the findings
    std::size_t warnings = 0;               ///< likewise
};

/// Adds what was found elsewhere: an error takes the configuration away. Writes the summary anew,
/// without the certificates that are not ordered because files have their names: `covered`.
void add_findings(LoadResult& result,
                  std::vector<Finding> findings,
                  const std::vector<std::vector<HostPattern>>& covered);

/// The largest configuration file that is read.
inline constexpr std::size_t file_size_max = std::size_t{64} * 1024 * 1024;
/// The largest file with labels or tags.
inline constexpr std::size_t label_file_size_max = std::size_t{16} * 1024 * 1024;

/// Reads, decodes and checks a configuration file: everything that needs no network. All problems
/// are collected at once. Relative paths in it start at the file's folder. Reads the file and
/// whatever it names (CA and certificate files are opened, `${file:…}` is read); changes nothing.
[[nodiscard]] LoadResult load_file(const std::string& path, const LoadOptions& options);

/// The same for text that is in memory already; `file_name` gives the folder that relative paths
/// start at and stands in the findings.
[[nodiscard]] LoadResult load_text(std::string_view text,
                                   const std::string& file_name,
                                   const LoadOptions& options);

/// What `mesh check --json` prints: {version, valid, findings: [{severity, code, file, line,
/// column, path, message, hint, excerpt}]}. One line, no final newline.
[[nodiscard]] std::string findings_json(const LoadResult& result);

}  // namespace mesh::config
