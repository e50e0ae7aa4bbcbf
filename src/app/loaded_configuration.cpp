#include "app/loaded_configuration.hpp"

#include "base/clock.hpp"
#include "base/regular_file.hpp"
#include "tls/key_pair.hpp"

#include <string_view>

namespace mesh::app {
namespace {

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

}  // namespace

LoadedConfiguration load_configuration(const std::string& path) {
    LoadedConfiguration loaded;
    const config::LoadOptions options{config::process_environment, false};
    // One reading: what is hashed is what is applied.
    if (const auto text = read_regular_file(path, config::file_size_max)) {
        loaded.sha256 = hex(tls::sha256(*text));
        loaded.result = config::load_text(*text, path, options);
    } else {
        loaded.result = config::load_file(path, options);
    }
    if (!loaded.result.configuration) return loaded;
    const WallTime now = SystemClock().now();
    loaded.files = load_tls_files(*loaded.result.configuration, now);
    add_file_findings(loaded.result, loaded.files, now);
    return loaded;
}

}  // namespace mesh::app
