#include "config/provider_files.hpp"

#include "base/regular_file.hpp"
#include "config/codes.hpp"
#include "config/files.hpp"

#include <algorithm>
#include <filesystem>

namespace mesh::config {
namespace {

namespace fs = std::filesystem;

bool is_configuration(const fs::path& path) {
    const std::string ending = path.extension().string();
    return ending == ".yaml" || ending == ".yml" || ending == ".toml";
}

/// Editors and mounted config maps keep their own things under such names.
bool is_hidden(const fs::path& path) {
    return path.filename().string().starts_with('.');
}

/// The paths below a folder, sorted; what cannot be listed is reported.
class Listing {
 public:
    Listing(const model::Location& at, Problems& problems) : at_(at), problems_(problems) {}

    std::vector<std::string> files_in(const std::string& folder) {
        look_into(folder, 0);
        std::sort(found_.begin(), found_.end());
        return std::move(found_);
    }

 private:
    void look_into(const fs::path& folder, int depth) {
        std::error_code error;
        fs::directory_iterator entries(folder, error);
        for (; !error && entries != fs::directory_iterator() && may_go_on();
             entries.increment(error))
            look_at(*entries, depth);
        if (error) report("cannot read the folder " + folder.string() + ": " + error.message());
    }

    void look_at(const fs::directory_entry& entry, int depth) {
        if (is_hidden(entry.path())) return;
        std::error_code error;
        if (entry.is_directory(error) && !entry.is_symlink(error)) {
            if (depth < provider_depth_max) return look_into(entry.path(), depth + 1);
            return report("folders are more than " + std::to_string(provider_depth_max) +
                          " levels deep");
        }
        if (is_configuration(entry.path())) found_.push_back(entry.path().string());
    }

    /// False when there is too much, which is reported.
    bool may_go_on() {
        if (++seen_ > provider_entries_max)
            report("more than " + std::to_string(provider_entries_max) + " files and folders");
        else if (found_.size() > provider_files_max)
            report("more than " + std::to_string(provider_files_max) + " files");
        return !failed_;
    }

    void report(std::string message) {
        if (!std::exchange(failed_, true))
            problems_.error(codes::unreadable, at_, std::move(message));
    }

    const model::Location& at_;
    Problems& problems_;
    std::vector<std::string> found_;
    std::size_t seen_ = 0;  ///< whatever they are
    bool failed_ = false;
};

}  // namespace

std::optional<model::FileProvider> provider_of(const FileProviderDraft& draft, Problems& problems) {
    if (draft.filename && draft.directory) {
        problems.error(codes::bad_value,
                       draft.directory->at,
                       "filename and directory exclude each other",
                       "keep one of them");
        return std::nullopt;
    }
    const auto& path = draft.filename ? draft.filename : draft.directory;
    if (!path || path->unknown) {
        if (!path)
            problems.error(codes::missing, draft.at, "providers.file names no file and no folder");
        return std::nullopt;
    }
    if (path->value.empty()) {
        problems.error(codes::bad_value, path->at, "expected a path, got \"\"");
        return std::nullopt;
    }
    return model::FileProvider{absolute_path(path->value, folder_of(*path->at.file)),
                               !draft.filename,
                               draft.watch,
                               draft.partial};
}

std::vector<NamedText> read_provider_files(const model::FileProvider& provider,
                                           const model::Location& at,
                                           Problems& problems) {
    std::vector<std::string> paths{provider.path};
    if (provider.is_directory) paths = Listing(at, problems).files_in(provider.path);
    std::vector<NamedText> files;
    std::size_t left = file_size_max;
    for (const std::string& path : paths) {
        auto text = read_regular_file(path, left);
        if (!text) {
            problems.error(
                codes::unreadable, at, "cannot read " + path + ": " + text.error().message);
            continue;
        }
        left -= text->size();
        files.push_back({path, std::move(*text)});
    }
    return files;
}

}  // namespace mesh::config
