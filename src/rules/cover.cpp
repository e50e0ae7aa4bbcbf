#include "rules/cover.hpp"

#include <algorithm>
#include <utility>

namespace mesh::rules {
namespace {

Cover cover_of_node(const Leaf& leaf) {
    if (leaf.is_star() && leaf.negated) return {false, {}, true};  // never true
    if (leaf.is_star()) return {true, {}, true};
    const HostPattern* const host = leaf.host();
    if (host == nullptr || leaf.negated) return {true, {}, false};
    return {false, {host}, true};
}

bool narrower(const Cover& a, const Cover& b) {
    if (a.everything != b.everything) return b.everything;
    return a.names.size() < b.names.size();
}

Cover cover_of_node(const All& all) {
    Cover narrowest{true, {}, true};
    bool others_always_true = true;
    for (const Expression& operand : all.operands) {
        Cover cover = cover_of(operand);
        if (narrower(cover, narrowest)) std::swap(cover, narrowest);
        others_always_true = others_always_true && cover.everything && cover.exact;
    }
    // An empty cover stays exact whatever the other sides say.
    const bool never = !narrowest.everything && narrowest.names.empty() && narrowest.exact;
    narrowest.exact = never || (narrowest.exact && others_always_true);
    return narrowest;
}

Cover cover_of_node(const Any& any) {
    Cover united{false, {}, true};
    for (const Expression& operand : any.operands) {
        Cover cover = cover_of(operand);
        if (cover.everything && cover.exact) return cover;
        united.everything = united.everything || cover.everything;
        united.exact = united.exact && cover.exact;
        united.names.insert(united.names.end(), cover.names.begin(), cover.names.end());
    }
    if (united.everything) united.names.clear();
    return united;
}

}  // namespace

Cover cover_of(const Expression& expression) {
    return std::visit([](const auto& node) { return cover_of_node(node); }, expression.node);
}

}  // namespace mesh::rules
