// Any tree decodes, whatever notation it may have come from: the bytes say what it is made of, with
// names of options likelier than chance would have them.
#include "config/field.hpp"
#include "config/options.hpp"
#include "config/resolve.hpp"
#include "fuzz/findings.hpp"

#include <string>
#include <vector>

namespace {

using namespace mesh;
using config::Place;
using config::Tree;

class Bytes {
 public:
    explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
    unsigned next() {
        if (at_ >= bytes_.size()) return 0;
        return static_cast<unsigned char>(bytes_[at_++]);
    }
    std::string_view take(std::size_t count) {
        const std::string_view taken = bytes_.substr(std::min(at_, bytes_.size()), count);
        at_ += taken.size();
        return taken;
    }
    [[nodiscard]] bool is_empty() const { return at_ >= bytes_.size(); }

 private:
    std::string_view bytes_;
    std::size_t at_ = 0;
};

/// Every option there is.
const std::vector<std::string>& option_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> out;
        for (const auto& section : config::all_sections())
            for (const auto& option : section.options) out.emplace_back(option.name);
        return out;
    }();
    return names;
}

constexpr std::string_view values[] = {"true",
                                       "false",
                                       "",
                                       "web",
                                       "s",
                                       ":443",
                                       "127.0.0.1:80",
                                       "HostSNI(`a.example.com`)",
                                       "HostSNI(`*`)",
                                       "a.example.com",
                                       "*.example.com",
                                       "30s",
                                       "le",
                                       "default",
                                       "EC256",
                                       "VersionTLS13",
                                       "RequireAndVerifyClientCert",
                                       "${SECRET}",
                                       "${NOWHERE}",
                                       "/nonexistent"};

constexpr int depth_max = 12;

Tree::Id build(Tree& tree, Bytes& bytes, int depth) {
    const Place place{1, 1, 0};
    const unsigned kind = bytes.is_empty() ? 0 : bytes.next() % 8;
    if (kind == 0) return tree.add_null(place);
    if (kind == 1) return tree.add_scalar(place, bytes.take(bytes.next() % 32), true);
    if (kind == 2 || depth >= depth_max)
        return tree.add_scalar(place, values[bytes.next() % std::size(values)], false);
    std::vector<Tree::Id> children;
    const unsigned count = bytes.next() % 8;
    for (unsigned i = 0; i < count; ++i) {
        if (kind != 3) {
            const auto& names = option_names();
            const unsigned chosen = bytes.next();
            children.push_back(chosen == 255
                                   ? tree.add_scalar(place, bytes.take(bytes.next() % 16), true)
                                   : tree.add_scalar(place, names[chosen % names.size()], true));
        }
        children.push_back(build(tree, bytes, depth + 1));
    }
    return kind == 3 ? tree.add_list(place, children) : tree.add_map(place, children);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text(data, size);
    Bytes bytes(text);
    Tree tree;
    const Tree::Id root = build(tree, bytes, 0);
    config::Problems problems;
    const config::Environment environment = fuzz::environment;
    const config::Source source{std::make_shared<const std::string>("tree"),
                                {},
                                "/nonexistent",
                                environment,
                                size % 2 == 1,
                                problems};
    const config::Draft draft = config::decode(source, tree.node(root));
    config::NamedFiles files;
    const model::Configuration resolved = config::resolve(source, draft, files);
    fuzz::require(problems.errors() > 0 || !resolved.entry_points.empty());
    fuzz::check_findings(problems.take(), std::string(64, '\n') + std::string(text));
    return 0;
}
