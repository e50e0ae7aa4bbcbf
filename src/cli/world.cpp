#include "cli/world.hpp"

#include "app/run.hpp"
#include "config/codes.hpp"
#include "config/draft.hpp"
#include "config/problems.hpp"
#include "store/database_file.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <utility>

namespace mesh::cli {
namespace {

void warn_of(const std::string& text) {
    std::fprintf(stderr, "mesh: %s\n", text.c_str());
}

store::CertificateKey key_of(const control::PlanLine& line) {
    store::CertificateKey key{line.directory, line.names};
    std::sort(key.names.begin(), key.names.end());
    return key;
}

/// What the process says, if one listens. One that cannot be asked is told of, and done without.
void ask_process(World& world, const std::string& config, const std::string& storage) {
    auto running = Running::find(config, storage);
    auto all = running ? running->certificates() : Result<LiveCertificates>(running.error());
    if (all) {
        world.pid = all->pid;
        world.live = std::move(all->lines);
        world.files = std::move(all->files);
    } else if (all.error().code != Errc::not_found) {
        warn_of("the running process cannot be asked: " + all.error().message);
    }
}

void take_configuration(World& world, model::Configuration configuration) {
    world.configuration = std::move(configuration);
    const app::TlsFiles files = app::load_tls_files(world.configuration, world.now);
    world.wanted = model::wanted_certificates(world.configuration, files.valid_names(world.now));
    if (world.pid != 0) return;
    for (const app::FileCertificate& file : files.certificates) {
        std::vector<std::string> names;
        for (const HostPattern& name : file.entry->names) names.push_back(name.text());
        world.files.push_back(
            {file.file, std::move(names), file.entry->not_before, file.entry->not_after});
    }
}

/// Where the store is named first; null: nowhere.
const model::Location* storage_named_at(const config::LoadResult& result) {
    for (const auto& [name, resolver] : result.draft->resolvers)
        if (resolver.acme && resolver.acme->storage) return &resolver.acme->storage->at;
    return nullptr;
}

/// Not for a process that has the store open: to close a file ends the locks that SQLite has on it.
std::optional<config::Finding> traefik_store(const config::LoadResult& result) {
    const model::Location* const at = storage_named_at(result);
    if (at == nullptr) return std::nullopt;
    const Status content = store::check_content(result.configuration->storage);
    if (content || content.error().code != Errc::unsupported) return std::nullopt;
    return config::finding_at(config::Severity::warning,
                              config::codes::traefik_store,
                              *at,
                              content.error().message,
                              "write storage: \"mesh.db\"");
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
    warn_of(line);
}

config::LoadResult load(const std::string& path, bool no_secrets) {
    config::LoadOptions options;
    options.no_secrets = no_secrets;
    return load(path, std::move(options));
}

config::LoadResult load(const std::string& path, config::LoadOptions options) {
    options.environment = config::process_environment;
    config::LoadResult result = config::load_file(path, options);
    if (!result.configuration || options.no_secrets) return result;
    const WallTime now = SystemClock().now();
    app::TlsFiles files = app::load_tls_files(*result.configuration, now);
    if (auto found = traefik_store(result)) files.findings.push_back(*found);
    app::add_file_findings(result, files, now);
    return result;
}

void print(const config::LoadResult& result) {
    for (const config::Finding& finding : result.findings)
        std::printf("%s\n", config::render(finding).c_str());
    std::printf("%s\n", result.summary.c_str());
}

control::Plan World::plan() const {
    control::Plan plan = control::plan(wanted, stored, authorities, orders, now);
    std::map<store::CertificateKey, const control::PlanLine*> running;
    for (const control::PlanLine& line : live)
        if (line.state != control::CertificateState::unwanted) running[key_of(line)] = &line;
    for (control::PlanLine& line : plan.certificates) {
        const auto found = running.find(key_of(line));
        if (found == running.end() || line.state == control::CertificateState::unwanted) continue;
        // Who wants it, and as what, is the file's affair.
        const control::PlanLine of_the_file = std::exchange(line, *found->second);
        line.names = of_the_file.names;
        line.resolver = of_the_file.resolver;
        line.routers = of_the_file.routers;
        line.notes = of_the_file.notes;
    }
    return plan;
}

control::Plan World::certificates() const {
    if (pid == 0) return plan();
    control::Plan plan;
    plan.certificates = live;
    std::stable_partition(
        plan.certificates.begin(), plan.certificates.end(), [](const control::PlanLine& line) {
            return line.state != control::CertificateState::unwanted;
        });
    return plan;
}

std::string World::source_text() const {
    if (pid != 0) return "as process " + std::to_string(pid) + " has it";
    return "nobody was asked: this is what the store has (" + store_text() + ")";
}

std::string World::store_text() const {
    return store ? configuration.storage : "no store at " + configuration.storage;
}

std::optional<World> look(const std::string& config_path, int& exit_code, Need need) {
    config::LoadResult result = load(config_path, false);
    World world;
    world.now = SystemClock().now();
    ask_process(
        world, config_path, result.storage.empty() ? storage_of(config_path) : result.storage);
    const bool enough = need == Need::certificates && world.pid != 0;
    if (result.configuration) {
        take_configuration(world, std::move(*result.configuration));
    } else if (!enough) {
        for (const config::Finding& finding : result.findings)
            std::fprintf(stderr, "%s\n", config::render(finding).c_str());
        warn_of(result.summary);
        exit_code = app::exit_code::configuration;
        return std::nullopt;
    } else {
        world.configuration.storage = result.storage;
    }
    if (const Status read = read_store(world); !read && !enough) {
        warn_of(read.error().message);
        exit_code = app::exit_code::store;
        return std::nullopt;
    }
    return world;
}

}  // namespace mesh::cli
