#pragma once
#include "app/file_certificates.hpp"
#include "config/load.hpp"

#include <string>

namespace mesh::app {

/// A configuration file with all it names, as it was at one moment.
struct LoadedConfiguration {
    config::LoadResult result;  ///< findings about certificate files are among the others
    TlsFiles files;
    std::string sha256;  ///< of the file's bytes, lower-case hex; empty if it cannot be read
};

/// Reads it with the environment of this process; blocking.
[[nodiscard]] LoadedConfiguration load_configuration(const std::string& path);

}  // namespace mesh::app
