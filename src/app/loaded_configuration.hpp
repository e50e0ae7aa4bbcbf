#pragma once
#include "app/file_certificates.hpp"
#include "config/load.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mesh::app {

/// The texts a configuration is made of, as they were read: substitutions are not unfolded.
struct ConfigurationTexts {
    std::string main;
    std::vector<config::NamedText> provider_files;
};

/// A configuration file with all it names, as it was at one moment.
struct LoadedConfiguration {
    config::LoadResult result;  ///< findings about certificate files are among the others
    TlsFiles files;
    ConfigurationTexts texts;
    /// Of the main file's bytes, followed by path and bytes of each file of providers.file;
    /// lower-case hex; empty if the main file cannot be read.
    std::string sha256;
};

/// What a running mesh knows already.
struct LoadContext {
    const TlsFiles* files = nullptr;         ///< parsed before
    const std::string* main_text = nullptr;  ///< instead of reading the main file
    std::shared_ptr<const config::Draft> last_good;
    bool keep_pairs = false;                                         ///< see load_tls_files
    const std::vector<config::NamedText>* provider_files = nullptr;  ///< instead of reading them
    std::vector<config::InventoryPtr> inventories;
};

/// Reads it with the environment of this process; blocking. `onError: partial` is followed.
[[nodiscard]] LoadedConfiguration load_configuration(const std::string& path,
                                                     const LoadContext& context = {});

}  // namespace mesh::app
