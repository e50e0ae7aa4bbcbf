// mesh_config_reference FILE...: writes anew what documentation has of the option tables, the
// generated part of a Markdown file or the whole of a JSON file (the schema); without a file prints
// the former.
#include "config/json_schema.hpp"
#include "config/reference.hpp"
#include "reference_document.hpp"

#include <cstdio>
#include <exception>
#include <string>

namespace {

void write_anew(const std::string& path) {
    if (path.ends_with(".json"))
        mesh::test::write_whole(path, mesh::config::json_schema());
    else
        mesh::test::Document(path).replace_generated(mesh::config::reference_markdown());
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc < 2) std::fputs(mesh::config::reference_markdown().c_str(), stdout);
    for (int i = 1; i < argc; ++i) write_anew(argv[i]);
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
