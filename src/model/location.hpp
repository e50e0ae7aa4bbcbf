#pragma once
#include <memory>
#include <string>

namespace mesh::model {

/// Where a value stood: a file with line and column (1-based), or a label (line 0). Copies share
/// the file name.
struct Location {
    std::shared_ptr<const std::string> file;
    int line = 0;
    int column = 0;
    /// Dotted configuration path, e.g. "tcp.routers.shop.tls.options".
    std::string path;
};

/// A value that a later room may still reject, with the place to name when it does.
template <class T>
struct Located {
    T value{};
    Location at;
};

}  // namespace mesh::model
