#pragma once
#include "config/tree.hpp"

#include <string>

namespace mesh::test {

/// The tree in one line: scalars as "text@line:column", plain ones without quotes.
inline std::string shown(config::TreeNode node) {
    using config::NodeKind;
    const std::string place =
        '@' + std::to_string(node.place().line) + ':' + std::to_string(node.place().column);
    std::string inner;
    for (std::size_t i = 0; i < node.size(); ++i) {
        if (i > 0) inner += ", ";
        if (node.kind() == NodeKind::map) inner += shown(node.key(i)) + ": ";
        inner += shown(node.value(i));
    }
    switch (node.kind()) {
        case NodeKind::null:
            return "null";
        case NodeKind::scalar:
            return (node.plain() ? std::string(node.text())
                                 : '"' + std::string(node.text()) + '"') +
                   place;
        case NodeKind::map:
            return '{' + inner + '}';
        case NodeKind::list:
            return '[' + inner + ']';
    }
    return "";
}

}  // namespace mesh::test
