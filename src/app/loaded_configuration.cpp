#include "app/loaded_configuration.hpp"

#include "base/clock.hpp"
#include "base/regular_file.hpp"
#include "tls/key_pair.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

namespace mesh::app {
namespace {

/// Errors in files that a configuration names may take out an object each; more rounds than this
/// only follow from a mistake.
constexpr int rounds_max = 4;

std::string hex(const Bytes& bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const auto byte : bytes) {
        const auto value = static_cast<unsigned>(byte);
        text += digits[value >> 4U & 0xFU];
        text += digits[value & 0xFU];
    }
    return text;
}

std::string hash_of(const ConfigurationTexts& texts) {
    if (texts.provider_files.empty()) return hex(tls::sha256(texts.main));
    std::string all = texts.main;
    for (const config::NamedText& file : texts.provider_files) {
        all += '\0' + file.name + '\0';
        all += file.text;
    }
    return hex(tls::sha256(all));
}

/// Loads, and takes what is wrong in the files a configuration names for errors of the objects that
/// name them, as long as that leaves something to apply.
void load_with_files(LoadedConfiguration& loaded,
                     const std::string& path,
                     const LoadContext& context) {
    config::Isolation isolation{context.last_good, {}};
    config::LoadOptions options{
        config::process_environment, false, &isolation, context.provider_files};
    options.inventories = context.inventories;
    std::set<std::string> held;
    if (context.keep_pairs && context.files != nullptr) {
        held = context.files->held();
        options.known_files = &held;
    }
    const WallTime now = SystemClock().now();
    const TlsFiles none;
    for (int round = 0; round < rounds_max; ++round) {
        loaded.result = config::load_text(loaded.texts.main, path, options);
        if (!loaded.result.configuration) return;
        const model::Configuration& configuration = *loaded.result.configuration;
        loaded.files = load_tls_files(configuration,
                                      now,
                                      context.files != nullptr ? *context.files : none,
                                      context.keep_pairs);
        const auto is_error = [](const config::Finding& finding) {
            return finding.severity == config::Severity::error;
        };
        const auto& findings = loaded.files.findings;
        const bool partial = configuration.file_provider && configuration.file_provider->partial;
        if (!partial || std::none_of(findings.begin(), findings.end(), is_error)) break;
        // The same files from here on.
        loaded.texts.provider_files = loaded.result.provider_files;
        options.provider_files = &loaded.texts.provider_files;
        std::copy_if(
            findings.begin(), findings.end(), std::back_inserter(isolation.known_errors), is_error);
    }
    add_file_findings(loaded.result, loaded.files, now);
}

}  // namespace

LoadedConfiguration load_configuration(const std::string& path, const LoadContext& context) {
    LoadedConfiguration loaded;
    if (context.main_text != nullptr) {
        loaded.texts.main = *context.main_text;
    } else {
        // One reading: what is hashed is what is applied.
        auto text = read_regular_file(path, config::file_size_max);
        if (!text) {
            loaded.result = config::load_file(path, {config::process_environment, false});
            return loaded;
        }
        loaded.texts.main = std::move(*text);
    }
    load_with_files(loaded, path, context);
    // What is missing now is watched too: it may come.
    const std::vector<std::string>& named = loaded.result.named_files;
    std::vector<std::string>& paths = loaded.files.paths;
    paths.insert(paths.end(), named.begin(), named.end());
    std::sort(paths.begin(), paths.end());
    paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
    loaded.texts.provider_files = std::move(loaded.result.provider_files);
    loaded.sha256 = hash_of(loaded.texts);
    return loaded;
}

}  // namespace mesh::app
