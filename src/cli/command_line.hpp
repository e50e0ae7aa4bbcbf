#pragma once

namespace mesh::cli {

/// Parses the command line, runs one command and returns its exit code: 0 success, 1 the answer
/// is no (invalid configuration, nothing found), 2 usage, 4 store; `run` has its own.
[[nodiscard]] int main(int argc, char** argv);

}  // namespace mesh::cli
