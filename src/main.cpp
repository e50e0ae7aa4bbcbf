#include "cli/command_line.hpp"

int main(int argc, char** argv) {
    return mesh::cli::main(argc, argv);
}
