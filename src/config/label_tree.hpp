#pragma once
#include "config/labels.hpp"

#include <map>
#include <string>
#include <vector>

namespace mesh::config {

/// Collects labels by the parts of their keys.
class LabelTree {
 public:
    LabelTree(const LabelReading& reading, LabelPaths& paths, Problems& problems)
        : reading_(reading), paths_(paths), problems_(problems) {}

    /// Adds a label, whose key's parts begin at byte `begin`. Reports what is wrong with it. The
    /// label outlives the tree.
    void add(const Label& label, std::size_t begin);

    [[nodiscard]] ParsedTree finish();

    /// The finding's place for a label.
    [[nodiscard]] static model::Location location(const LabelReading& reading, const Label& label);

 private:
    struct Part {
        std::string_view text;
        std::optional<std::uint32_t> index;
        std::size_t text_end;  ///< in the key
        std::size_t end;       ///< in the key, behind the index
    };
    using Id = std::size_t;
    struct Node {
        const Label* first = nullptr;  ///< of those at or below it
        std::size_t key_size = 0;      ///< of the part of its key that names this node
        std::string_view written;
        const Label* value = nullptr;
        std::map<std::string, Id> entries;
        std::map<std::uint32_t, Id> items;
    };

    [[nodiscard]] std::optional<std::vector<Part>> parts_of(const Label& label, std::size_t begin);
    [[nodiscard]] std::optional<Part> part_of(const Label& label,
                                              std::size_t begin,
                                              std::size_t end);
    void set_value(Node& node, const Label& label);

    [[nodiscard]] Tree::Id convert(const Node& node);
    [[nodiscard]] Tree::Id scalar(const Node& node);
    [[nodiscard]] Tree::Id map(const Node& node);
    [[nodiscard]] Tree::Id list(const Node& node);
    /// Of a section with options below it: whether its own value turns it off.
    [[nodiscard]] bool is_turned_off(const Node& node);
    [[nodiscard]] Place place(const Node& node);

    void refuse(std::string_view code,
                const Label& label,
                std::string message,
                std::string hint = {});

    const LabelReading& reading_;
    LabelPaths& paths_;
    Problems& problems_;
    std::vector<Node> nodes_{1};  ///< the first is the root
    Tree tree_;
};

}  // namespace mesh::config
