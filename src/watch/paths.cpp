#include "watch/paths.hpp"

#include <algorithm>
#include <deque>
#include <filesystem>

namespace mesh::watch {
namespace {

namespace fs = std::filesystem;

constexpr int links_max = 40;  // as many as the kernel follows
constexpr int depth_max = 16;
constexpr std::size_t entries_max = 20'000;

/// Walks one path, link by link, and notes what it meets.
class Walk {
 public:
    explicit Walk(NamesByFolder& places) : places_(places) {}

    void follow(const fs::path& path) {
        push_front(path);
        fs::path at = "/";
        int links = 0;
        while (!parts_.empty()) {
            const fs::path part = parts_.front();
            parts_.pop_front();
            if (part == "/" || part == "." || part.empty()) continue;
            if (part == "..") {
                at = at.parent_path();
                continue;
            }
            std::error_code error;
            const fs::file_status status = fs::symlink_status(at / part, error);
            const bool is_link = fs::is_symlink(status);
            if (is_link || parts_.empty() || !fs::exists(status))
                places_[at.string()].insert(part.string());
            if (!fs::exists(status)) return;
            if (!is_link) {
                at /= part;
                if (!parts_.empty()) places_[at.string()];
                continue;
            }
            if (++links > links_max) return;
            const fs::path target = fs::read_symlink(at / part, error);
            if (error) return;
            if (target.is_absolute()) at = "/";
            push_front(target);
        }
    }

 private:
    void push_front(const fs::path& path) {
        std::vector<fs::path> parts(path.begin(), path.end());
        parts_.insert(parts_.begin(), parts.begin(), parts.end());
    }

    NamesByFolder& places_;
    std::deque<fs::path> parts_;
};

void list(const fs::path& folder, int depth, std::vector<std::string>& out) {
    std::error_code error;
    fs::directory_iterator entries(folder, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
        if (out.size() >= entries_max) return;
        const fs::path& path = entries->path();
        if (path.filename().string().starts_with('.')) continue;
        out.push_back(path.string());
        std::error_code unknown;
        if (depth < depth_max && entries->is_directory(unknown) && !entries->is_symlink(unknown))
            list(path, depth + 1, out);
    }
}

}  // namespace

std::vector<std::string> entries_below(const std::string& folder) {
    std::vector<std::string> out;
    list(folder, 1, out);
    std::sort(out.begin(), out.end());
    return out;
}

std::vector<std::string> real_files_of(const Watched& watched) {
    std::vector<std::string> files;
    const auto add = [&](const std::string& path) {
        std::error_code error;
        const fs::path real = fs::canonical(path, error);
        if (!error && fs::is_regular_file(real, error)) files.push_back(real.string());
    };
    for (const std::string& file : watched.files) add(file);
    for (const std::string& folder : watched.folders)
        for (const std::string& entry : entries_below(folder)) add(entry);
    return files;
}

NamesByFolder places_of(const Watched& watched) {
    NamesByFolder places;
    for (const std::string& file : watched.files) Walk(places).follow(file);
    for (const std::string& folder : watched.folders) {
        Walk(places).follow(folder);
        std::error_code error;
        const fs::path real = fs::canonical(folder, error);
        if (error) continue;
        places[real.string()].insert("");
        for (const std::string& entry : entries_below(folder)) {
            Walk(places).follow(entry);
            if (fs::is_directory(fs::symlink_status(entry, error)))
                places[fs::canonical(entry, error).string()].insert("");
        }
    }
    return places;
}

}  // namespace mesh::watch
