#include "app/last_good.hpp"

#include "store/store.hpp"

#include <filesystem>
#include <utility>

namespace mesh::app {
namespace {

Error none(const std::string& why) {
    return {Errc::not_found, Origin::config, "there is no last good configuration: " + why};
}

/// What a file that says nothing about it has.
std::string default_storage(const std::string& path) {
    return config::load_text(
               path.ends_with(".toml") ? "" : "{}", path, {config::process_environment, true})
        .storage;
}

}  // namespace

std::optional<store::ConfigurationRecord> record_of(const std::string& path,
                                                    const ConfigurationTexts& texts,
                                                    WallTime applied) {
    store::ConfigurationRecord record{{{path, texts.main}}, applied};
    std::size_t size = texts.main.size();
    for (const config::NamedText& file : texts.provider_files) {
        record.files.push_back({file.name, file.text});
        size += file.text.size();
    }
    if (size > kept_configuration_max) return std::nullopt;
    return record;
}

Result<LastGood> load_last_good(const std::string& path, const std::string& storage) {
    const std::string where = storage.empty() ? default_storage(path) : storage;
    NullLog log;
    auto opened = store::open(where, store::Access::read, log);
    if (!opened) return none(opened.error().message);
    auto kept = (*opened)->configuration();
    if (!kept) return none(kept.error().message);
    if (!*kept) return none(where + " keeps none");

    std::vector<store::ConfigurationRecord::File>& files = (*kept)->files;
    const std::string main = std::move(files.front().text);
    std::vector<config::NamedText> others;
    for (std::size_t i = 1; i < files.size(); ++i)
        others.push_back({std::move(files[i].path), std::move(files[i].text)});
    LoadContext context;
    context.main_text = &main;
    context.provider_files = &others;
    LastGood good{load_configuration(files.front().path, context), (*kept)->applied};
    if (good.loaded.result.configuration) return good;
    std::string why = good.loaded.result.summary;
    for (const config::Finding& finding : good.loaded.result.findings)
        if (finding.severity == config::Severity::error) {
            why = config::render(finding);
            break;
        }
    return Error{
        Errc::invalid, Origin::config, "the last good configuration is not valid any more: " + why};
}

}  // namespace mesh::app
