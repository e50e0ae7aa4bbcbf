#include "app/run.hpp"
#include "cli/commands.hpp"
#include "cli/world.hpp"
#include "store/inspection.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <filesystem>

namespace mesh::cli {

int store_backup(const Common& common, const std::string& file) {
    const config::LoadResult loaded = load(common.config, true);
    if (!loaded.configuration) {
        print(loaded);
        return app::exit_code::configuration;
    }
    const std::string& path = loaded.configuration->storage;
    const std::string target = std::filesystem::absolute(file).string();
    if (const Status done = store::back_up(path, target); !done) {
        std::fprintf(stderr, "mesh: %s\n", done.error().message.c_str());
        return done.error().code == Errc::conflict ? app::exit_code::usage : app::exit_code::store;
    }
    if (common.json)
        std::printf("%s\n",
                    nlohmann::ordered_json{{"version", 1}, {"store", path}, {"backup", target}}
                        .dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
                        .c_str());
    else
        std::printf("%s: a copy of %s, with its private keys\n", target.c_str(), path.c_str());
    return 0;
}

}  // namespace mesh::cli
