// mesh_config_reference [FILE]: writes the generated part of docs/configuration.md anew; without a
// file prints it.
#include "config/reference.hpp"
#include "reference_document.hpp"

#include <cstdio>
#include <exception>

int main(int argc, char** argv) try {
    const std::string reference = mesh::config::reference_markdown();
    if (argc < 2) {
        std::fputs(reference.c_str(), stdout);
        return 0;
    }
    mesh::test::Document(argv[1]).replace_generated(reference);
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
