#include "config/yaml.hpp"

#include "config/codes.hpp"
#include "config/source_text.hpp"
#include "shown_tree.hpp"
#include "support/catch.hpp"

#include <memory>

using namespace mesh::config;

namespace {

struct Parsed {
    std::optional<ParsedTree> yaml;
    std::vector<Finding> findings;

    [[nodiscard]] TreeNode root() const { return yaml->tree.node(yaml->root); }
};

Parsed parse(std::string_view text) {
    Problems problems;
    mesh::model::Location file;
    file.file = std::make_shared<const std::string>("f");
    auto yaml = parse_yaml(text, file, problems);
    return {std::move(yaml), problems.take()};
}

using mesh::test::shown;

std::string tree(std::string_view text) {
    const Parsed parsed = parse(text);
    REQUIRE(parsed.yaml);
    CHECK(parsed.findings.empty());
    return shown(parsed.root());
}

}  // namespace

TEST_CASE("yaml: every node has its place", "[config][yaml]") {
    CHECK(tree("a: 1\nb:\n  - x\n  - 'y'\n") == "{a@1:1: 1@1:4, b@2:1: [x@3:5, \"y\"@4:5]}");
    CHECK(tree("{a: [1, {b: c}]}") == "{a@1:2: [1@1:6, {b@1:10: c@1:13}]}");
    CHECK(tree("a:\nb: ~\nc: null\nd: ''\ne: 'null'\n") ==
          "{a@1:1: null, b@2:1: null, c@3:1: null, d@4:1: \"\"@4:4, e@5:1: \"null\"@5:4}");
    CHECK(tree("a: |\n  x\n  y\n") == "{a@1:1: \"x\ny\n\"@1:4}");
    CHECK(tree("a: 1\r\nb: 2\r\n") == "{a@1:1: 1@1:4, b@2:1: 2@2:4}");
}

TEST_CASE("yaml: columns count characters", "[config][yaml]") {
    CHECK(tree("ä: {ö: ü, ß: x}") == "{ä@1:1: {ö@1:5: ü@1:8, ß@1:11: x@1:14}}");
}

TEST_CASE("yaml: an alias is the same value in the same place", "[config][yaml]") {
    // A value with an anchor stands where its anchor does.
    CHECK(tree("a: &x [1]\nb: *x\n") == "{a@1:1: [1@1:8], b@2:1: [1@1:8]}");
    CHECK(tree("a: &x 1\nb: &x 2\nc: *x\n") == "{a@1:1: 1@1:4, b@2:1: 2@2:4, c@3:1: 2@2:4}");
    CHECK(tree("a: &x\nb: *x\n") == "{a@1:1: null, b@2:1: null}");
}

TEST_CASE("yaml: nothing is a null", "[config][yaml]") {
    CHECK(tree("") == "null");
    CHECK(tree("# only a comment") == "null");
    CHECK(tree("---\n...\n") == "null");
}

TEST_CASE("yaml: all duplicates are reported, and the first one counts", "[config][yaml]") {
    const Parsed parsed = parse("a: {x: 1, x: 2, x: 3}\nb: [{}, {y: 1, y: 2}]\n");

    REQUIRE(parsed.yaml);
    CHECK(shown(parsed.root()) == "{a@1:1: {x@1:5: 1@1:8}, b@2:1: [{}, {y@2:10: 1@2:13}]}");
    REQUIRE(parsed.findings.size() == 3);
    CHECK(parsed.findings[0].path == "a.x");
    CHECK(parsed.findings[0].column == 11);
    CHECK(parsed.findings[1].column == 17);
    CHECK(parsed.findings[2].path == "b[1].y");
    CHECK(parsed.findings[2].hint == "it stands first in line 2");
}

TEST_CASE("yaml: an open quote is found wherever the text ends", "[config][yaml]") {
    for (const char* text :
         {"a: 'x", "a: 'x\n", "a: \"x", "a: \"x\\\"", "a: 'x''", "a: 'x\n\n\n", "'"}) {
        CAPTURE(text);
        const Parsed parsed = parse(text);
        CHECK_FALSE(parsed.yaml);
        REQUIRE(parsed.findings.size() == 1);
        CHECK(parsed.findings[0].code == codes::syntax);
    }
    CHECK(tree("a: 'x''y'") == "{a@1:1: \"x'y\"@1:4}");
    CHECK(tree("a: \"x\\\"\\\\\"") == "{a@1:1: \"x\"\\\"@1:4}");
}

TEST_CASE("yaml: depth is bounded, also through aliases", "[config][yaml]") {
    const auto nested = [](int depth) {
        return std::string(static_cast<std::size_t>(depth), '[') +
               std::string(static_cast<std::size_t>(depth), ']');
    };
    CHECK(parse(nested(yaml_depth_max - 1)).yaml);
    CHECK_FALSE(parse(nested(yaml_depth_max)).yaml);
    CHECK_FALSE(parse(nested(100'000)).yaml);
    CHECK(parse("a: &a " + nested(30) + "\nb: [[*a]]").yaml);
    CHECK_FALSE(
        parse("a: &a " + nested(50) + "\nb: " + std::string(20, '[') + "*a" + std::string(20, ']'))
            .yaml);
}

TEST_CASE("source text: byte order mark, UTF-8 and control characters", "[config][yaml]") {
    const auto accepted = [](std::string_view text) {
        Problems problems;
        return check_source_text(text, {}, problems) && problems.errors() == 0;
    };
    CHECK(without_byte_order_mark("\xEF\xBB\xBFx") == "x");
    CHECK(without_byte_order_mark("x") == "x");
    CHECK(accepted("a\tb\r\n\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"));
    for (const char* bad : {"\x80",
                            "\xC0\xAF",
                            "\xC3",
                            "\xE0\x80\xAF",
                            "\xED\xA0\x80",
                            "\xE2\x82",
                            "\xF0\x80\x80\x80",
                            "\xF4\x90\x80\x80",
                            "\xF5\x80\x80\x80",
                            "\xFF",
                            "\x01",
                            "\x7F",
                            "\x04"}) {
        CAPTURE(bad);
        CHECK_FALSE(accepted(bad));
    }
    CHECK_FALSE(accepted(std::string_view("a\0b", 3)));
}
