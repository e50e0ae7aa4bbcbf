#include "config/tree.hpp"

namespace mesh::config {

Tree::Id Tree::add(const Record& record) {
    records_.push_back(record);
    return static_cast<Id>(records_.size() - 1);
}

Tree::Id Tree::add_container(NodeKind kind, Place place, std::span<const Id> children) {
    const auto begin = static_cast<std::uint32_t>(children_.size());
    children_.insert(children_.end(), children.begin(), children.end());
    return add({kind, false, place, begin, static_cast<std::uint32_t>(children.size())});
}

Tree::Id Tree::add_null(Place place) {
    return add({NodeKind::null, true, place, 0, 0});
}

Tree::Id Tree::add_scalar(Place place, std::string_view text, bool plain) {
    const auto begin = static_cast<std::uint32_t>(texts_.size());
    texts_ += text;
    return add({NodeKind::scalar, plain, place, begin, static_cast<std::uint32_t>(text.size())});
}

Tree::Id Tree::add_list(Place place, std::span<const Id> items) {
    return add_container(NodeKind::list, place, items);
}

Tree::Id Tree::add_map(Place place, std::span<const Id> keys_and_values) {
    return add_container(NodeKind::map, place, keys_and_values);
}

TreeNode Tree::node(Id id) const {
    return {*this, id};
}

std::string_view TreeNode::text() const {
    if (kind() != NodeKind::scalar) return {};
    return std::string_view(tree_->texts_).substr(record().begin, record().size);
}

std::size_t TreeNode::size() const {
    switch (kind()) {
        case NodeKind::map:
            return record().size / 2;
        case NodeKind::list:
            return record().size;
        case NodeKind::null:
        case NodeKind::scalar:
            return 0;
    }
    return 0;
}

TreeNode TreeNode::child(std::size_t index) const {
    return tree_->node(tree_->children_[record().begin + index]);
}

TreeNode TreeNode::key(std::size_t index) const {
    return child(2 * index);
}

TreeNode TreeNode::value(std::size_t index) const {
    return child(kind() == NodeKind::map ? 2 * index + 1 : index);
}

}  // namespace mesh::config
