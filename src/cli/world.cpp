#include "cli/world.hpp"

#include "app/run.hpp"

#include <algorithm>
#include <cstdio>

namespace mesh::cli {
namespace {

void complain(const std::string& text) {
    std::fprintf(stderr, "mesh: %s\n", text.c_str());
}

/// Reads everything a plan needs. A store that does not exist yet is an empty one.
Status read_store(World& world) {
    static StderrLog log;
    auto opened = store::open(world.configuration.storage, store::Access::read, log);
    if (!opened) {
        if (opened.error().code == Errc::not_found) return {};
        return opened.error();
    }
    auto stored = (*opened)->certificates();
    if (!stored) return stored.error();
    auto orders = (*opened)->orders();
    if (!orders) return orders.error();
    auto authorities = (*opened)->authorities();
    if (!authorities) return authorities.error();
    world.stored = std::move(*stored);
    world.orders = std::move(*orders);
    world.authorities = std::move(*authorities);
    world.store = std::move(*opened);
    return {};
}

}  // namespace

void StderrLog::write(LogLevel level,
                      std::string_view,
                      std::string_view message,
                      std::initializer_list<LogField> fields) {
    if (!enabled(level)) return;
    std::string line(message);
    for (const LogField& field : fields) {
        line += ' ';
        line.append(field.key).append("=").append(field.value);
    }
    complain(line);
}

config::LoadResult load(const std::string& path, bool no_secrets) {
    config::LoadResult result = config::load_file(path, {config::process_environment, no_secrets});
    if (!result.configuration || no_secrets) return result;
    const WallTime now = SystemClock().now();
    app::add_file_findings(result, app::load_tls_files(*result.configuration, now), now);
    return result;
}

void print(const config::LoadResult& result) {
    for (const config::Finding& finding : result.findings)
        std::printf("%s\n", config::render(finding).c_str());
    std::printf("%s\n", result.summary.c_str());
}

control::Plan World::plan() const {
    return control::plan(wanted, stored, authorities, orders, now);
}

std::string World::store_text() const {
    return store ? configuration.storage : "no store at " + configuration.storage;
}

std::optional<World> look(const std::string& config_path, int& exit_code) {
    config::LoadResult result = load(config_path, false);
    if (!result.configuration) {
        for (const config::Finding& finding : result.findings)
            std::fprintf(stderr, "%s\n", config::render(finding).c_str());
        complain(result.summary);
        exit_code = app::exit_code::configuration;
        return std::nullopt;
    }
    World world;
    world.configuration = std::move(*result.configuration);
    world.now = SystemClock().now();
    const app::TlsFiles files = app::load_tls_files(world.configuration, world.now);
    world.wanted = model::wanted_certificates(world.configuration, files.valid_names(world.now));
    if (const Status read = read_store(world); !read) {
        complain(read.error().message);
        exit_code = app::exit_code::store;
        return std::nullopt;
    }
    return world;
}

}  // namespace mesh::cli
