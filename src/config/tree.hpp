#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::config {

/// Where a node stands in its source: line and column are 1-based, columns count characters,
/// `offset` is the byte of the source text.
struct Place {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::uint32_t offset = 0;
};

enum class NodeKind : std::uint8_t { null, scalar, map, list };

class TreeNode;

/// A configuration as it was written, whatever the notation: scalars, lists and maps with their
/// places. Compact (32 bytes per node and the text), because a file may hold 50,000 routers.
/// Built from the leaves up and never changed afterwards.
class Tree {
 public:
    using Id = std::uint32_t;

    Id add_null(Place place);
    /// `plain`: written without quotes.
    Id add_scalar(Place place, std::string_view text, bool plain);
    Id add_list(Place place, std::span<const Id> items);
    /// Keys and values in turn; every key is a scalar.
    Id add_map(Place place, std::span<const Id> keys_and_values);

    /// Valid as long as this tree lives and does not move.
    [[nodiscard]] TreeNode node(Id id) const;

 private:
    friend class TreeNode;
    struct Record {
        NodeKind kind;
        bool plain;
        Place place;
        std::uint32_t begin;  ///< of the text in `texts_`, or of the children in `children_`
        std::uint32_t size;
    };
    Id add(const Record& record);
    Id add_container(NodeKind kind, Place place, std::span<const Id> children);

    std::vector<Record> records_;
    std::string texts_;
    std::vector<Id> children_;
};

/// What a parser makes of a whole text.
struct ParsedTree {
    Tree tree;
    Tree::Id root = 0;
};

/// A node of a tree: a handle, cheap to copy.
class TreeNode {
 public:
    [[nodiscard]] NodeKind kind() const { return record().kind; }
    [[nodiscard]] Place place() const { return record().place; }
    /// Scalars: written without quotes.
    [[nodiscard]] bool plain() const { return record().plain; }
    /// Scalars: the text; empty for all others.
    [[nodiscard]] std::string_view text() const;
    /// Entries of a map or items of a list; 0 for all others.
    [[nodiscard]] std::size_t size() const;
    /// Maps only. `index` < size().
    [[nodiscard]] TreeNode key(std::size_t index) const;
    /// The value of a map's entry or the item of a list. `index` < size().
    [[nodiscard]] TreeNode value(std::size_t index) const;

 private:
    friend class Tree;
    TreeNode(const Tree& tree, Tree::Id id) : tree_(&tree), id_(id) {}
    [[nodiscard]] const Tree::Record& record() const { return tree_->records_[id_]; }
    [[nodiscard]] TreeNode child(std::size_t index) const;

    const Tree* tree_;
    Tree::Id id_;
};

}  // namespace mesh::config
