#pragma once
#include "app/file_certificates.hpp"
#include "model/configuration.hpp"
#include "watch/file_watcher.hpp"

#include <string>
#include <vector>

namespace mesh::app {

/// What is watched for a configuration in force: files with certificates, keys and CAs, those of
/// providers.file unless `watch: false`, and `more`. The main file is not: it is read when somebody
/// asks.
[[nodiscard]] watch::Watched watched_files(const model::Configuration& configuration,
                                           const TlsFiles& files,
                                           const std::vector<std::string>& more);

}  // namespace mesh::app
