#include "app/file_certificates.hpp"
#include "app/run.hpp"
#include "cli/commands.hpp"
#include "cli/world.hpp"
#include "config/load.hpp"

#include <cstdio>

namespace mesh::cli {

namespace {

config::LoadOptions load_options(const CheckOptions& options) {
    config::LoadOptions out;
    out.no_secrets = options.no_secrets;
    out.label_prefixes = options.prefixes;
    for (const std::string& path : options.labels) out.label_files.push_back({path, false});
    for (const std::string& path : options.tags) out.label_files.push_back({path, true});
    return out;
}

}  // namespace

int check(const Common& common, const CheckOptions& options) {
    config::LoadResult result = load(common.config, load_options(options));
    if (common.json)
        std::fputs((config::findings_json(result) + "\n").c_str(), stdout);
    else
        print(result);
    return result.configuration ? 0 : app::exit_code::configuration;
}

}  // namespace mesh::cli
