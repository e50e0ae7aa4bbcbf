#include "config/label_files.hpp"

#include "base/ascii.hpp"
#include "config/codes.hpp"
#include "config/lenient_json.hpp"
#include "config/source_text.hpp"
#include "config/yaml.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

namespace mesh::config {
namespace {

std::optional<TreeNode> find(TreeNode map, std::string_view key) {
    if (map.kind() != NodeKind::map) return std::nullopt;
    for (std::size_t i = 0; i < map.size(); ++i)
        if (equal_ignoring_case(map.key(i).text(), key)) return map.value(i);
    return std::nullopt;
}

Label label_of(std::string_view text, Place place) {
    const std::size_t end = std::min(text.find('='), text.size());
    return {std::string(text.substr(0, end)),
            std::string(text.substr(std::min(text.size(), end + 1))),
            static_cast<int>(place.line),
            static_cast<int>(place.column)};
}

/// As Compose reads it: `$$` is a `$`.
std::string without_doubled_dollars(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        out += text[i];
        if (text.substr(i).starts_with("$$")) ++i;
    }
    return out;
}

/// What reading one file needs.
class LabelFile {
 public:
    LabelFile(const std::string& file_name, std::string_view provider, Problems& problems)
        : source_(std::make_shared<const std::string>(file_name)),
          provider_(provider),
          problems_(problems) {}

    [[nodiscard]] model::Location location() const { return {source_, 0, 0, {}}; }
    [[nodiscard]] model::Location location(Place place) const {
        return {source_, static_cast<int>(place.line), static_cast<int>(place.column), {}};
    }

    std::vector<LabelledUnit> lines(std::string_view text) {
        LabelledUnit unit = fresh_unit();
        Place place{1, 1, 0};
        for (; !text.empty(); ++place.line) {
            std::string_view line = text.substr(0, text.find('\n'));
            text.remove_prefix(std::min(text.size(), line.size() + 1));
            const std::size_t begin = line.find_first_not_of(" \t\r");
            if (begin == std::string_view::npos || line[begin] == '#') continue;
            if (line.ends_with('\r')) line.remove_suffix(1);
            place.column = static_cast<std::uint32_t>(begin + 1);
            unit.labels.push_back(label_of(line.substr(begin), place));
        }
        return {std::move(unit)};
    }

    std::vector<LabelledUnit> yaml(TreeNode root) {
        const auto services = find(root, "services");
        if (services && services->kind() == NodeKind::map) return compose(*services);
        LabelledUnit unit = fresh_unit();
        add_yaml(find(root, "labels").value_or(root), unit);
        return {std::move(unit)};
    }

    std::vector<LabelledUnit> json(TreeNode root) {
        std::vector<LabelledUnit> units;
        add_catalog(root, units);
        return units;
    }

 private:
    [[nodiscard]] LabelledUnit fresh_unit() const {
        const std::string stem = std::filesystem::path(*source_).stem().string();
        return {stem.empty() ? "container" : stem, provider_, source_, {}};
    }

    std::vector<LabelledUnit> compose(TreeNode services) {
        std::vector<LabelledUnit> units;
        for (std::size_t i = 0; i < services.size(); ++i) {
            LabelledUnit unit = fresh_unit();
            unit.name = services.key(i).text();
            if (const auto labels = find(services.value(i), "labels")) add_yaml(*labels, unit);
            if (const auto deploy = find(services.value(i), "deploy"))
                if (const auto labels = find(*deploy, "labels")) add_yaml(*labels, unit);
            units.push_back(std::move(unit));
        }
        return units;
    }

    void add_yaml(TreeNode labels, LabelledUnit& unit) {
        const bool is_map = labels.kind() == NodeKind::map;
        if (labels.kind() == NodeKind::scalar) refuse(labels, "a list or map of labels");
        for (std::size_t i = 0; i < labels.size(); ++i) {
            const TreeNode value = labels.value(i);
            const bool is_single =
                value.kind() == NodeKind::scalar || (is_map && value.kind() == NodeKind::null);
            if (!is_single) {
                refuse(value, is_map ? "a single value" : "key=value");
                continue;
            }
            const std::string text = without_doubled_dollars(value.text());
            unit.labels.push_back(is_map ? Label{std::string(labels.key(i).text()),
                                                 text,
                                                 static_cast<int>(labels.key(i).place().line),
                                                 static_cast<int>(labels.key(i).place().column)}
                                         : label_of(text, value.place()));
        }
    }

    void add_catalog(TreeNode node, std::vector<LabelledUnit>& units) {
        if (node.kind() == NodeKind::list && is_list_of_tags(node)) {
            add_tags(node, fresh_unit(), units);
        } else if (node.kind() == NodeKind::list) {
            for (std::size_t i = 0; i < node.size(); ++i) add_service(node.value(i), units);
        } else {
            add_service(node, units);
        }
    }

    static bool is_list_of_tags(TreeNode list) {
        for (std::size_t i = 0; i < list.size(); ++i)
            if (list.value(i).kind() == NodeKind::map) return false;
        return true;
    }

    /// A map that has tags, or one or more services below it.
    void add_service(TreeNode node, std::vector<LabelledUnit>& units) {
        if (node.kind() != NodeKind::map) {
            refuse(node, "a list of tags, or a service with \"Tags\"");
            return;
        }
        for (const std::string_view key : {"Tags", "ServiceTags"}) {
            const auto tags = find(node, key);
            if (!tags) continue;
            LabelledUnit unit = fresh_unit();
            for (const std::string_view name : {"Name", "ServiceName", "Service"})
                if (const auto given = find(node, name); given && !given->text().empty())
                    unit.name = given->text();
            add_tags(*tags, std::move(unit), units);
            return;
        }
        if (const auto service = find(node, "service"))
            add_service(*service, units);
        else if (const auto services = find(node, "services"))
            add_catalog(*services, units);
        else
            refuse(node, "a list of tags, or a service with \"Tags\"");
    }

    void add_tags(TreeNode tags, LabelledUnit unit, std::vector<LabelledUnit>& units) {
        if (tags.kind() != NodeKind::list && tags.kind() != NodeKind::null) {
            refuse(tags, "a list of tags");
            return;
        }
        for (std::size_t i = 0; i < tags.size(); ++i) {
            const TreeNode tag = tags.value(i);
            if (tag.kind() != NodeKind::scalar)
                refuse(tag, "a tag in double quotes");
            else if (tag.text().find('=') != std::string_view::npos)
                unit.labels.push_back(label_of(tag.text(), tag.place()));
        }
        units.push_back(std::move(unit));
    }

    void refuse(TreeNode node, const std::string& expected) {
        problems_.error(codes::wrong_kind, location(node.place()), "expected " + expected);
    }

    std::shared_ptr<const std::string> source_;
    std::string provider_;
    Problems& problems_;
};

/// Whether the first line that is no comment looks like `key=value` rather than YAML.
bool is_lines(std::string_view text, const std::string& file_name) {
    if (file_name.ends_with(".yaml") || file_name.ends_with(".yml")) return false;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const std::size_t begin = line.find_first_not_of(" \t\r");
        if (begin == std::string_view::npos || line[begin] == '#') continue;
        const std::string_view key = line.substr(begin, line.find('=', begin) - begin);
        const bool has_equals = begin + key.size() < line.size();
        const bool begins_yaml =
            std::string_view("-[{\"'&").find(line[begin]) != std::string_view::npos;
        return has_equals && !begins_yaml && key.find(": ") == std::string_view::npos;
    }
    return false;
}

}  // namespace

std::vector<LabelledUnit> read_labels(std::string_view text,
                                      const std::string& file_name,
                                      Problems& problems) {
    text = without_byte_order_mark(text);
    LabelFile file(file_name, "docker", problems);
    if (!check_source_text(text, file.location(), problems)) return {};
    if (is_lines(text, file_name)) return file.lines(text);
    const auto parsed = parse_yaml(text, file.location(), problems);
    if (!parsed) return {};
    return file.yaml(parsed->tree.node(parsed->root));
}

std::vector<LabelledUnit> read_tags(std::string_view text,
                                    const std::string& file_name,
                                    Problems& problems) {
    text = without_byte_order_mark(text);
    LabelFile file(file_name, "consulcatalog", problems);
    if (!check_source_text(text, file.location(), problems)) return {};
    const auto parsed = parse_lenient_json(text, file.location(), problems);
    if (!parsed) return {};
    return file.json(parsed->tree.node(parsed->root));
}

}  // namespace mesh::config
