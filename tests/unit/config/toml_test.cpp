#include "config/toml.hpp"

#include "config/load.hpp"
#include "config/source_text.hpp"
#include "shown_tree.hpp"
#include "support/catch.hpp"

#include <memory>

using namespace mesh::config;
using mesh::test::shown;

namespace {

struct Parsed {
    std::optional<ParsedTree> toml;
    std::vector<Finding> findings;
};

Parsed parse(std::string_view text) {
    Problems problems;
    mesh::model::Location file;
    file.file = std::make_shared<const std::string>("f");
    auto toml = parse_toml(text, file, problems);
    return {std::move(toml), problems.take()};
}

std::string tree(std::string_view text) {
    const Parsed parsed = parse(text);
    REQUIRE(parsed.toml);
    CHECK(parsed.findings.empty());
    return shown(parsed.toml->tree.node(parsed.toml->root));
}

}  // namespace

TEST_CASE("toml: every node has its place", "[config][toml]") {
    CHECK(tree("a = \"x\"\n[b]\n  c = [1, 'two']\n") ==
          "{a@1:1: \"x\"@1:5, b@2:2: {c@3:3: [1@3:8, \"two\"@3:11]}}");
    CHECK(tree("[a.b]\nc = 1\n[a]\nd.e = 2\n") ==
          "{a@1:2: {b@1:4: {c@2:1: 1@2:5}, d@4:1: {e@4:3: 2@4:7}}}");
    CHECK(tree("[[a]]\nb = 1\n[[a]]\nb = 2\n") == "{a@1:3: [{b@2:1: 1@2:5}, {b@4:1: 2@4:5}]}");
}

TEST_CASE("toml: columns count characters, not bytes", "[config][toml]") {
    CHECK(tree("\"ä b\" = \"ü\" # ö\n'ß' = { 'é' = 1 }") ==
          "{\"ä b\"@1:1: \"ü\"@1:9, \"ß\"@2:1: {\"é\"@2:9: 1@2:15}}");
}

TEST_CASE("toml: the entries of a table come in the order of the file", "[config][toml]") {
    CHECK(tree("z = 1\na = 2\nm = { y = 1, b = 2 }\n") ==
          "{z@1:1: 1@1:5, a@2:1: 2@2:5, m@3:1: {y@3:7: 1@3:11, b@3:14: 2@3:18}}");
}

TEST_CASE("toml: values become what the decoder takes", "[config][toml]") {
    CHECK(tree("a = 1_000\nb = 0x10\nc = -1\n") ==
          "{a@1:1: 1000@1:5, b@2:1: 16@2:5, c@3:1: -1@3:5}");
    CHECK(tree("a = true\nb = false\n") == "{a@1:1: true@1:5, b@2:1: false@2:5}");
    CHECK(tree("a = 1.50\nb = 2026-11-27T10:00:00Z\nc = inf\n") ==
          "{a@1:1: 1.50@1:5, b@2:1: 2026-11-27T10:00:00Z@2:5, c@3:1: inf@3:5}");
    CHECK(tree("a = \"\"\"\nx\ny\"\"\"\nb = '''z'''\n") ==
          "{a@1:1: \"x\ny\"@1:5, b@4:1: \"z\"@4:5}");
    CHECK(tree("a = \"tab\\tend\\u00e9\"") == "{a@1:1: \"tab\tend\u00e9\"@1:5}");
    CHECK(tree("a = {}\nb = []\n[c]\n") == "{a@1:1: {}, b@2:1: [], c@3:2: {}}");
    CHECK(tree("") == "{}");
    CHECK(tree("# nothing\n\n") == "{}");
}

TEST_CASE("toml: Windows line ends and a byte order mark are accepted", "[config][toml]") {
    CHECK(tree("[a]\r\nb = 1\r\nc = 2\r\n") == "{a@1:2: {b@2:1: 1@2:5, c@3:1: 2@3:5}}");
    const LoadResult result =
        load_text("\xEF\xBB\xBF[entryPoints.web]\r\naddress = \":80\"\r\n", "mesh.toml", {});
    CHECK(result.configuration);
    CHECK(result.findings.empty());
}

TEST_CASE("toml: the names of tables are kept as written", "[config][toml]") {
    CHECK(tree("[a.\"b.c\"]\n'D.e' = 1\n") == "{a@1:2: {\"b.c\"@1:4: {\"D.e\"@2:1: 1@2:9}}}");
}

TEST_CASE("toml: a rule's mistake is shown where it stands", "[config][toml]") {
    const LoadResult result = load_text(
        "[entryPoints.web]\naddress = \":80\"\n[tcp.routers.a]\nservice = \"a\"\ntls = {}\n"
        "rule = \"HostSNI(`a.example`) | HostSNI(`*`)\"\n"
        "[[tcp.services.a.loadBalancer.servers]]\naddress = \"127.0.0.1:1\"\n",
        "mesh.toml",
        {});

    REQUIRE(result.findings.size() == 1);
    CHECK(result.findings[0].line == 6);
    CHECK(result.findings[0].column == 30);
}

TEST_CASE("toml: what would nest or multiply without end is refused", "[config][toml]") {
    const auto only_finding = [](const std::string& text) {
        const Parsed parsed = parse(text);
        CHECK_FALSE(parsed.toml);
        REQUIRE(parsed.findings.size() == 1);
        CHECK(parsed.findings[0].code == "limit");
        return render(parsed.findings[0]);
    };
    std::string dotted;
    for (int i = 0; i < 64; ++i) dotted += "a.";
    CHECK(only_finding("x = 1\n" + dotted + "a = 1") ==
          "f:2:128: error: nested more than 64 levels deep");
    CHECK(only_finding('[' + dotted + "a]") == "f:1:129: error: nested more than 64 levels deep");
    CHECK(only_finding("a = " + std::string(100, '[')).ends_with("too deep"));

    std::string inline_tables;
    for (int i = 0; i < 40; ++i) inline_tables += "a.b = {";
    CHECK(only_finding(inline_tables + std::string(40, '}')).ends_with("64 levels deep"));

    std::string many = "a = [";
    for (int i = 0; i < 1'000'001; ++i) many += "1,";
    CHECK(only_finding(many).ends_with("more than 1000000 values"));
}

TEST_CASE("toml: what looks like depth inside strings and comments is not", "[config][toml]") {
    const std::string dots(200, '.');
    CHECK(parse("a = \"" + dots + "\" # " + dots + "\nb = '" + dots + "'\n").toml);
    CHECK(parse("a = \"\"\"" + dots + "\n\\\"\"\\\" #" + dots + "\n\"\"\"\nb = 1\n").toml);
    CHECK(parse("a = '''" + dots + "''''' # " + dots + "\n").toml);
    CHECK(parse('"' + dots + "\" = 1\n").toml);
}

TEST_CASE("toml: every truncation of a text has an end", "[config][toml]") {
    const std::string text =
        "[a.b]\n\"c d\" = { e = [1, 'x'], f = \"\"\"y\"\"\" } # z\n[[g]]\nh.i = 2026-01-01\r\n";
    for (std::size_t size = 0; size <= text.size(); ++size) {
        CAPTURE(size);
        const Parsed parsed = parse(std::string_view(text).substr(0, size));
        CHECK((parsed.toml.has_value() != !parsed.findings.empty()));
    }
}
