#include "config/label_tree.hpp"

#include "base/ascii.hpp"
#include "config/codes.hpp"
#include "config/quote.hpp"
#include "config/spelling.hpp"

#include <charconv>
#include <utility>

namespace mesh::config {
namespace {

/// In `tcp.routers.<name>` and its like the third part is a name of the user's, kept as written.
constexpr std::size_t name_part = 2;

bool is_index(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string how_to_write(const std::string& example) {
    return "parts are separated by one '.', items of a list numbered like " + example;
}

}  // namespace

model::Location LabelTree::location(const LabelReading& reading, const Label& label) {
    return {reading.source, label.line, label.column, printable(label.key, label_key_size_max)};
}

void LabelTree::refuse(std::string_view code,
                       const Label& label,
                       std::string message,
                       std::string hint) {
    problems_.error(code, location(reading_, label), std::move(message), std::move(hint));
}

void LabelTree::add(const Label& label, std::size_t begin) {
    const auto parts = parts_of(label, begin);
    if (!parts) return;
    const bool has_names = equal_ignoring_case(parts->front().text, "tcp");
    Id at = 0;
    const auto pass = [&](Id id, const Part& part, std::size_t key_size) {
        if (!nodes_[id].first) {
            nodes_[id].first = &label;
            nodes_[id].key_size = key_size;
            nodes_[id].written = part.text;
        }
        return id;
    };
    for (std::size_t i = 0; i < parts->size(); ++i) {
        const Part& part = (*parts)[i];
        std::string key =
            has_names && i == name_part ? std::string(part.text) : lower_case(part.text);
        const auto [entry, fresh] = nodes_[at].entries.try_emplace(std::move(key), nodes_.size());
        at = entry->second;
        if (fresh) nodes_.emplace_back();
        at = pass(at, part, part.text_end);
        if (!part.index) continue;
        const auto [item, fresh_item] = nodes_[at].items.try_emplace(*part.index, nodes_.size());
        at = item->second;
        if (fresh_item) nodes_.emplace_back();
        at = pass(at, part, part.end);
    }
    set_value(nodes_[at], label);
}

std::optional<std::vector<LabelTree::Part>> LabelTree::parts_of(const Label& label,
                                                                std::size_t begin) {
    std::vector<Part> parts;
    while (begin <= label.key.size()) {
        const std::size_t end = std::min(label.key.find('.', begin), label.key.size());
        auto part = part_of(label, begin, end);
        if (!part) return std::nullopt;
        parts.push_back(*part);
        if (parts.size() > label_depth_max) {
            refuse(codes::limit,
                   label,
                   "a label of more than " + std::to_string(label_depth_max) + " parts");
            return std::nullopt;
        }
        begin = end + 1;
    }
    return parts;
}

std::optional<LabelTree::Part> LabelTree::part_of(const Label& label,
                                                  std::size_t begin,
                                                  std::size_t end) {
    const std::string_view text = std::string_view(label.key).substr(begin, end - begin);
    const std::size_t open = text.find('[');
    const std::string_view name = text.substr(0, open);
    if (name.empty() || name.find(']') != std::string_view::npos) {
        refuse(
            codes::syntax,
            label,
            text.empty() ? "a part of the label is empty" : in_quotes(text) + " is not an option",
            how_to_write("domains[0].main"));
        return std::nullopt;
    }
    if (open == std::string_view::npos) return Part{name, std::nullopt, end, end};
    const std::string_view digits = text.substr(open + 1, text.size() - open - 2);
    if (!text.ends_with(']') || text.size() < open + 2 || !is_index(digits)) {
        refuse(codes::syntax,
               label,
               in_quotes(text.substr(open)) + " is not the number of an item",
               how_to_write(printable(name) + "[0]"));
        return std::nullopt;
    }
    std::uint32_t index = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (read.ec != std::errc{} || index > label_index_max) {
        refuse(
            codes::limit, label, "items are numbered from 0 to " + std::to_string(label_index_max));
        return std::nullopt;
    }
    return Part{name, index, begin + name.size(), end};
}

void LabelTree::set_value(Node& node, const Label& label) {
    if (!node.value) {
        node.value = &label;
        return;
    }
    if (node.value->value == label.value) return;
    const Label& first = *node.value;
    std::string hint = first.line > 0 ? "it stands first in line " + std::to_string(first.line)
                                      : "the other one is " + in_quotes(first.key);
    refuse(
        codes::duplicate, label, "this label stands twice, with different values", std::move(hint));
}

ParsedTree LabelTree::finish() {
    const Tree::Id root = map(nodes_.front());
    return {std::move(tree_), root};
}

Place LabelTree::place(const Node& node) {
    if (!node.first) return {};
    const Label& label = *node.first;
    return {static_cast<std::uint32_t>(label.line),
            static_cast<std::uint32_t>(label.column),
            paths_.add(label.key, node.key_size)};
}

Tree::Id LabelTree::convert(const Node& node) {
    const bool several =
        (node.value ? 1 : 0) + (node.items.empty() ? 0 : 1) + (node.entries.empty() ? 0 : 1) > 1;
    if (!node.items.empty()) {
        if (several)
            refuse(codes::duplicate,
                   node.value ? *node.value : *nodes_[node.entries.begin()->second].first,
                   in_quotes(node.written) + " is set as a whole and item by item",
                   "keep one of the two");
        return list(node);
    }
    if (node.entries.empty()) return scalar(node);
    return node.value && is_turned_off(node) ? scalar(node) : map(node);
}

bool LabelTree::is_turned_off(const Node& node) {
    const Label& label = *node.value;
    if (label.value.empty()) return false;
    const auto on = parse_boolean(label.value);
    if (!on) {
        refuse(codes::bad_value,
               label,
               in_quotes(node.written) + " has options below it: expected true or false, got " +
                   in_quotes(label.value));
        return false;
    }
    if (*on) return false;
    problems_.warning(
        codes::ignored,
        location(reading_, label),
        in_quotes(node.written) + " is turned off: the labels below it have no effect",
        "remove this label, or those");
    return true;
}

Tree::Id LabelTree::scalar(const Node& node) {
    return tree_.add_scalar(place(node), node.value ? node.value->value : "", true);
}

Tree::Id LabelTree::map(const Node& node) {
    std::vector<Tree::Id> children;
    children.reserve(2 * node.entries.size());
    for (const auto& [key, id] : node.entries) {
        const Node& entry = nodes_[id];
        children.push_back(tree_.add_scalar(place(entry), entry.written, true));
        children.push_back(convert(entry));
    }
    return tree_.add_map(place(node), children);
}

Tree::Id LabelTree::list(const Node& node) {
    std::vector<Tree::Id> items;
    items.reserve(node.items.size());
    for (const auto& [index, id] : node.items) items.push_back(convert(nodes_[id]));
    return tree_.add_list(place(node), items);
}

}  // namespace mesh::config
