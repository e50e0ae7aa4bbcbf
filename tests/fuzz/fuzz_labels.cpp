// Labels and tags, from any file, give a model or findings that point into the file; whatever they
// say, nothing of them is substituted. The first byte says which kind of file it is, and the
// prefix.
#include "config/inventory.hpp"
#include "config/label_files.hpp"
#include "config/label_objects.hpp"
#include "config/resolve.hpp"
#include "fuzz/findings.hpp"

namespace {

using namespace mesh;

/// What a configuration file would have defined.
config::Draft files() {
    config::Draft draft;
    config::EntryPointDraft entry_point;
    entry_point.address.emplace();
    entry_point.address->value = ":80";
    draft.entry_points.emplace("web", std::move(entry_point));
    draft.tls.options.emplace("strict", config::TlsOptionsDraft{});
    return draft;
}

/// As a running mesh takes the same labels, twice: they refuse nothing, and a second reading with
/// what the first left gives routers and services that exist.
void run(std::vector<config::LabelledUnit> units, std::string_view text) {
    auto known = std::make_shared<config::Inventory>();
    known->provider = "docker";
    for (config::LabelledUnit& unit : units) {
        unit.provider = "docker";
        unit.instances = {{"one", "10.0.0.1", 80, {}}};
        for (config::Label& label : unit.labels) label.line = label.column = 0;
    }
    config::sort_units(units);
    known->units = std::move(units);
    config::LoadOptions options;
    options.environment = fuzz::environment;
    options.inventories = {known};
    config::Isolation isolation;
    for (int turn = 0; turn < 2; ++turn) {
        options.isolation = &isolation;
        const config::LoadResult result = config::load_text(
            "entryPoints: { web: { address: \":80\" } }\nproviders: { docker: { prefix: [mesh, t] "
            "} }\n"
            "tls: { options: { strict: {} } }\n",
            "mesh.yaml",
            options);
        fuzz::require(result.configuration.has_value() && result.errors == 0);
        for (const auto& [key, router] : result.configuration->routers)
            fuzz::require(router.closed ||
                          result.configuration->services.contains(router.service.value));
        fuzz::check_findings(result.findings, text);
        isolation.last_good = result.draft;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text = fuzz::text(data + 1, size - 1);
    const unsigned kind = data[0];
    const std::string name = (kind & 1U) != 0 ? "f.json" : (kind & 2U) != 0 ? "f.yaml" : "f";
    const std::vector<std::string> prefixes =
        (kind & 4U) != 0 ? std::vector<std::string>{""} : std::vector<std::string>{"mesh", "t"};

    config::Problems problems;
    config::Draft draft = files();
    const auto units = (kind & 1U) != 0 ? config::read_tags(text, name, problems)
                                        : config::read_labels(text, name, problems);
    for (const config::LabelledUnit& unit : units)
        config::add_labelled(unit, prefixes, draft, problems);
    const config::Environment environment = fuzz::environment;
    const config::Source source{std::make_shared<const std::string>(name),
                                {},
                                "/nonexistent",
                                environment,
                                false,
                                problems};
    config::NamedFiles files;
    const model::Configuration resolved = config::resolve(source, draft, files);
    for (const auto& [key, router] : resolved.routers) {
        fuzz::require(router.name == key && key.ends_with('@' + router.provider));
        fuzz::require(resolved.services.contains(router.service.value) || problems.errors() > 0);
    }
    fuzz::check_findings(problems.take(), text);
    run(units, text);
    return 0;
}
