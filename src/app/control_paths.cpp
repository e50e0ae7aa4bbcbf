#include "app/control_paths.hpp"

#include <cstdlib>

namespace mesh::app {

ControlPaths control_paths(const std::string& storage, std::string_view runtime_directory) {
    const std::string_view folder = runtime_directory.substr(0, runtime_directory.find(':'));
    const std::string beside = storage + ".sock";
    if (folder.empty()) return {beside, {}};
    return {std::string(folder) + "/mesh.sock", beside};
}

std::vector<std::string> control_candidates(const std::string& storage,
                                            std::string_view runtime_directory) {
    std::vector<std::string> candidates;
    if (!runtime_directory.empty())
        candidates.push_back(control_paths(storage, runtime_directory).socket);
    if (!storage.empty()) candidates.push_back(storage + ".sock");
    candidates.emplace_back(service_socket);
    return candidates;
}

std::string runtime_directory() {
    const char* const named = std::getenv("RUNTIME_DIRECTORY");
    return named != nullptr ? named : "";
}

}  // namespace mesh::app
