#include "config/reference.hpp"

#include "config/options.hpp"
#include "reference_document.hpp"
#include "support/catch.hpp"

#include <set>

using namespace mesh::config;
using mesh::test::Document;

TEST_CASE("reference: the documentation is what the tables say", "[config][reference]") {
    const Document document(MESH_CONFIG_DOCUMENT);

    // To write it anew: mesh_config_reference docs/configuration.md docs/mesh.schema.json
    CHECK(document.generated() == Document::between_marks(reference_markdown()));
}

TEST_CASE("reference: every section is documented, and every option says what it does",
          "[config][reference]") {
    std::set<std::string> paths;
    for (const SectionText& section : all_sections()) paths.insert(std::string(section.path));

    for (const SectionText& section : all_sections()) {
        std::set<std::string> names;
        for (const OptionText& option : section.options) {
            CAPTURE(std::string(section.path), std::string(option.name));
            CHECK(names.insert(std::string(option.name)).second);
            if (option.support != Support::offered) continue;
            CHECK_FALSE(option.help.empty());
            const std::string inner =
                (section.path.empty() ? "" : std::string(section.path) + '.') +
                std::string(option.name);
            if (option.type == "section") CHECK(paths.contains(inner));
            if (option.type == "map") CHECK(paths.contains(inner + ".<name>"));
            if (option.type == "list of sections") CHECK(paths.contains(inner + "[]"));
        }
    }
}
