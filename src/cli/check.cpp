#include "app/file_certificates.hpp"
#include "app/run.hpp"
#include "cli/commands.hpp"
#include "cli/world.hpp"
#include "config/load.hpp"

#include <cstdio>

namespace mesh::cli {

int check(const Common& common, const CheckOptions& options) {
    config::LoadResult result = load(common.config, options.no_secrets);
    if (common.json)
        std::fputs((config::findings_json(result) + "\n").c_str(), stdout);
    else
        print(result);
    return result.configuration ? 0 : app::exit_code::configuration;
}

}  // namespace mesh::cli
