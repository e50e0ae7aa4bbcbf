// Feeds every file named on the command line, and every file below a folder named there, to the
// fuzz target it is linked with. Needs no fuzzer.
#include "fuzz/fuzz.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> inputs_of(const fs::path& path) {
    if (!fs::is_directory(path)) return {path};
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(path))
        if (entry.is_regular_file()) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

std::vector<std::uint8_t> content_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    in.exceptions(std::ios::badbit);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

int replay(const std::vector<std::string>& arguments) {
    std::size_t count = 0;
    for (const std::string& argument : arguments) {
        for (const fs::path& file : inputs_of(argument)) {
            // Before the call, so that the culprit is known when it does not return.
            std::printf("%s\n", file.c_str());
            std::fflush(stdout);
            const std::vector<std::uint8_t> input = content_of(file);
            LLVMFuzzerTestOneInput(input.data(), input.size());
            ++count;
        }
    }
    std::printf("%zu inputs replayed\n", count);
    return count == 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) try {
    return replay({argv + 1, argv + argc});
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
