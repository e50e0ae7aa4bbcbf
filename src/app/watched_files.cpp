#include "app/watched_files.hpp"

#include <algorithm>

namespace mesh::app {

watch::Watched watched_files(const model::Configuration& configuration,
                             const TlsFiles& files,
                             const std::vector<std::string>& more) {
    watch::Watched watched;
    watched.files = files.paths;
    watched.files.insert(watched.files.end(), more.begin(), more.end());
    if (const auto& provider = configuration.file_provider; provider && provider->watch)
        (provider->is_directory ? watched.folders : watched.files).push_back(provider->path);
    std::sort(watched.files.begin(), watched.files.end());
    watched.files.erase(std::unique(watched.files.begin(), watched.files.end()),
                        watched.files.end());
    return watched;
}

}  // namespace mesh::app
