#include "config/labels.hpp"

#include "config/load.hpp"
#include "shown_tree.hpp"
#include "support/catch.hpp"
#include "temporary_folder.hpp"

#include <memory>

using namespace mesh::config;
using mesh::test::TemporaryFolder;

namespace {

struct Read {
    std::vector<Label> labels;  // the tree's views are of these
    ParsedLabels parsed;
    std::vector<std::string> findings;
};

Label label(std::string_view text) {
    const std::size_t end = text.find('=');
    if (end == std::string_view::npos) return {std::string(text), "", 0, 0};
    return {std::string(text.substr(0, end)), std::string(text.substr(end + 1)), 0, 0};
}

std::unique_ptr<Read> read(const std::vector<std::string_view>& texts,
                           std::vector<std::string> prefixes = {"mesh"}) {
    auto out = std::make_unique<Read>();
    for (const auto text : texts) out->labels.push_back(label(text));
    Problems problems;
    out->parsed =
        parse_labels(out->labels,
                     {std::move(prefixes), std::make_shared<const std::string>("container web")},
                     problems);
    for (const Finding& finding : problems.take()) out->findings.push_back(render(finding));
    return out;
}

/// Keys and values without places.
std::string shown(TreeNode node) {
    std::string inner;
    for (std::size_t i = 0; i < node.size(); ++i) {
        if (i > 0) inner += ", ";
        if (node.kind() == NodeKind::map) inner += std::string(node.key(i).text()) + ": ";
        inner += shown(node.value(i));
    }
    if (node.kind() == NodeKind::map) return '{' + inner + '}';
    if (node.kind() == NodeKind::list) return '[' + inner + ']';
    return std::string(node.text());
}

std::string tree(const std::vector<std::string_view>& texts,
                 std::vector<std::string> prefixes = {"mesh"}) {
    const auto result = read(texts, std::move(prefixes));
    CHECK(result->findings == std::vector<std::string>{});
    return shown(result->parsed.parsed.tree.node(result->parsed.parsed.root));
}

std::vector<std::string> findings(const std::vector<std::string_view>& texts,
                                  std::vector<std::string> prefixes = {"mesh"}) {
    return read(texts, std::move(prefixes))->findings;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("labels: they become the tree that a file would give", "[config][labels]") {
    CHECK(tree({"mesh.tcp.routers.a.rule=HostSNI(`x`)",
                "mesh.tcp.routers.a.tls.domains[0].main=x",
                "mesh.tcp.services.s.loadbalancer.server.port=80"}) ==
          "{tcp: {routers: {a: {rule: HostSNI(`x`), tls: {domains: [{main: x}]}}}, "
          "services: {s: {loadbalancer: {server: {port: 80}}}}}}");
}

TEST_CASE("labels: prefix and options in any case, names as written", "[config][labels]") {
    CHECK(tree({"MESH.TCP.Routers.Foo.Rule=1",
                "mesh.tcp.routers.Foo.TLS.passthrough=true",
                "Mesh.tcp.routers.foo.rule=2",
                "mesh.tcp.routers.Foo.tls.Options=o"}) ==
          "{TCP: {Routers: {Foo: {Rule: 1, TLS: {Options: o, passthrough: true}}, "
          "foo: {rule: 2}}}}");
}

TEST_CASE("labels: several prefixes, one of them empty", "[config][labels]") {
    CHECK(tree({"mesh.tcp.routers.a.rule=1", "traefik.tcp.routers.a.service=s", "other.tcp.x=1"},
               {"mesh", "traefik"}) == "{tcp: {routers: {a: {rule: 1, service: s}}}}");
    CHECK(tree({"tcp.routers.a.rule=1", "com.docker.compose.project=x", "version=3"}, {""}) ==
          "{tcp: {routers: {a: {rule: 1}}}}");
    CHECK(tree({"meshx.tcp.routers.a.rule=1", "mesh=1", "mesh-tcp.x=1"}) == "{}");
    CHECK(tree({"my.own.tcp.routers.a.rule=1"}, {"my.own"}) == "{tcp: {routers: {a: {rule: 1}}}}");
}

TEST_CASE("labels: items of a list come in the order of their numbers", "[config][labels]") {
    CHECK(tree({"mesh.tcp.routers.a.tls.domains[10].main=ten",
                "mesh.tcp.routers.a.tls.domains[2].main=two",
                "mesh.tcp.routers.a.tls.domains[2].sans[1]=b",
                "mesh.tcp.routers.a.tls.domains[2].sans[0]=a"}) ==
          "{tcp: {routers: {a: {tls: {domains: [{main: two, sans: [a, b]}, {main: ten}]}}}}}");
}

TEST_CASE("labels: a section's own value and options below it", "[config][labels]") {
    CHECK(tree({"mesh.tcp.routers.a.tls=true", "mesh.tcp.routers.a.tls.options=o"}) ==
          "{tcp: {routers: {a: {tls: {options: o}}}}}");
    CHECK(tree({"mesh.tcp.routers.a.tls=", "mesh.tcp.routers.a.tls.options=o"}) ==
          "{tcp: {routers: {a: {tls: {options: o}}}}}");

    const auto off = read({"mesh.tcp.routers.a.tls.options=o", "mesh.tcp.routers.a.tls=false"});
    CHECK(shown(off->parsed.parsed.tree.node(off->parsed.parsed.root)) ==
          "{tcp: {routers: {a: {tls: false}}}}");
    CHECK(off->findings ==
          Lines{"container web: warning: \"tls\" is turned off: the labels below it have no effect "
                "(mesh.tcp.routers.a.tls); remove this label, or those"});

    CHECK(findings({"mesh.tcp.routers.a.tls=maybe", "mesh.tcp.routers.a.tls.options=o"}) ==
          Lines{"container web: error: \"tls\" has options below it: expected true or false, got "
                "\"maybe\" (mesh.tcp.routers.a.tls)"});
}

TEST_CASE("labels: what is set twice", "[config][labels]") {
    CHECK(tree({"mesh.tcp.routers.a.rule=1", "Mesh.TCP.routers.a.RULE=1"}) ==
          "{tcp: {routers: {a: {rule: 1}}}}");
    CHECK(findings({"mesh.tcp.routers.a.rule=1", "traefik.tcp.routers.a.rule=2"},
                   {"mesh", "traefik"}) ==
          Lines{"container web: error: this label stands twice, with different values "
                "(traefik.tcp.routers.a.rule); the other one is \"mesh.tcp.routers.a.rule\""});
    CHECK(findings({"mesh.tcp.routers.a.tls.domains[0].sans=a",
                    "mesh.tcp.routers.a.tls.domains[0].sans[0]=b"}) ==
          Lines{"container web: error: \"sans\" is set as a whole and item by item "
                "(mesh.tcp.routers.a.tls.domains[0].sans); keep one of the two"});
    CHECK(findings({"mesh.tcp.routers.a.tls.domains.main=a",
                    "mesh.tcp.routers.a.tls.domains[0].main=b"}) ==
          Lines{"container web: error: \"domains\" is set as a whole and item by item "
                "(mesh.tcp.routers.a.tls.domains.main); keep one of the two"});
}

TEST_CASE("labels: enable and docker.network", "[config][labels]") {
    CHECK(read({"mesh.enable=true"})->parsed.enable == true);
    CHECK(read({"Mesh.Enable=No"})->parsed.enable == false);
    CHECK_FALSE(read({"mesh.tcp.routers.a.rule=1"})->parsed.enable);
    CHECK(read({"mesh.docker.network=front"})->parsed.network == "front");

    CHECK(tree({"mesh.enable=false", "mesh.tcp.routers.a.rule=1", "mesh.nonsense=1"}) == "{}");
    const auto unclear = read({"mesh.enable=perhaps", "mesh.tcp.routers.a.rule=1"});
    CHECK(unclear->parsed.enable == false);
    CHECK(unclear->findings ==
          Lines{"container web: error: expected true or false, got \"perhaps\" (mesh.enable)"});
    CHECK(read({"mesh.enable=true", "traefik.enable=false"}, {"mesh", "traefik"})->parsed.enable ==
          false);
}

TEST_CASE("labels: http and udp are one warning, whatever their number", "[config][labels]") {
    CHECK(
        findings({"mesh.http.routers.a.rule=Host(`x`)",
                  "mesh.http.routers.b.rule=Host(`y`)",
                  "mesh.udp.services.a.loadbalancer.server.port=53"}) ==
        Lines{"container web: warning: 3 labels of \"http\" or \"udp\", which mesh does not have; "
              "ignored (mesh.http.routers.a.rule)"});
}

TEST_CASE("labels: anything else below the prefix is an error with the whole key",
          "[config][labels]") {
    CHECK(findings({"mesh.tpc.routers.a.rule=1"}) ==
          Lines{"container web: error: unknown option \"tpc\" (mesh.tpc.routers.a.rule); did you "
                "mean \"tcp\"?"});
    CHECK(findings({"mesh.enabel=true"}) ==
          Lines{"container web: error: unknown option \"enabel\" (mesh.enabel); did you mean "
                "\"enable\"?"});
    CHECK(findings({"mesh.docker.networks=x"}) ==
          Lines{"container web: error: unknown option \"networks\" (mesh.docker.networks); did you "
                "mean \"network\"?"});
    CHECK(
        findings({"mesh.tls.stroes.default.defaultgeneratedcert.resolver=le"}) ==
        Lines{"container web: error: unknown option \"stroes\" "
              "(mesh.tls.stroes.default.defaultgeneratedcert.resolver); did you mean \"stores\"?"});
    CHECK(findings({"mesh.tls.options.x.sniStrict=true"}) ==
          Lines{"container web: error: of \"tls\", labels set stores.default.defaultGeneratedCert "
                "only (mesh.tls.options.x.sniStrict); put it into the configuration file"});
    CHECK(
        findings({"mesh.docker.allownonrunning=true"}) ==
        Lines{"container web: warning: a label of Traefik's that mesh does not have; it is ignored "
              "(mesh.docker.allownonrunning)"});
}

TEST_CASE("labels: keys that cannot be taken apart", "[config][labels]") {
    const std::string hint =
        "; parts are separated by one '.', items of a list numbered like domains[0].main";
    const auto error = [](const std::string& what, const std::string& key) {
        return "container web: error: " + what + " (" + key + ")";
    };
    for (const std::string key :
         {"mesh.tcp.", "mesh.tcp..a", "mesh.tcp.routers.", "mesh.tcp.routers..rule"})
        CHECK(findings({key + "=1"}) == Lines{error("a part of the label is empty", key) + hint});
    CHECK(findings({"mesh.tcp.[0].a=1"}) ==
          Lines{error("\"[0]\" is not an option", "mesh.tcp.[0].a") + hint});
    CHECK(findings({"mesh.tcp.routers.a]=1"}) ==
          Lines{error("\"a]\" is not an option", "mesh.tcp.routers.a]") + hint});
    for (const std::string index : {"[", "[]", "[x]", "[-1]", "[0", "[0]x", "[0][1]", "[ 0]"}) {
        const std::string key = "mesh.tcp.routers.a.tls.domains" + index;
        CAPTURE(key);
        REQUIRE(findings({key + "=1"}).size() == 1);
        CHECK(findings({key + "=1"})[0].starts_with(
            error('"' + index + "\" is not the number of an item", key)));
    }
    for (const std::string index : {"[1000]", "[99999999999999999999]"}) {
        const std::string key = "mesh.tcp.routers.a.tls.domains" + index + ".main";
        CHECK(findings({key + "=1"}) == Lines{error("items are numbered from 0 to 999", key)});
    }
}

TEST_CASE("labels: what would grow without end is refused", "[config][labels]") {
    const auto only = [](const std::vector<std::string_view>& texts) {
        const auto found = findings(texts);
        REQUIRE(found.size() == 1);
        return found[0];
    };
    std::string deep = "mesh.tcp";
    for (int i = 0; i < 32; ++i) deep += ".a";
    CHECK_THAT(only({deep}), ContainsSubstring("more than 32 parts"));
    CHECK_THAT(only({"mesh.tcp.routers." + std::string(2000, 'a')}),
               ContainsSubstring("larger than 1024 bytes"));
    const std::string large = "mesh.tcp.routers.a.rule=" + std::string(70'000, 'a');
    CHECK_THAT(only({large}), ContainsSubstring("or its value than 65536"));
    CHECK_THAT(only({"mesh.tcp.routers.a.rule=\xFF"}), ContainsSubstring("not UTF-8 text"));
    CHECK_THAT(only({std::string_view("mesh.tcp.routers.a.rule=a\0b", 27)}),
               ContainsSubstring("control characters"));

    std::vector<std::string> many;
    for (int i = 0; i < 10'001; ++i)
        many.push_back("mesh.tcp.routers.r" + std::to_string(i) + ".rule=x");
    CHECK_THAT(only({many.begin(), many.end()}), ContainsSubstring("more than 10000 labels"));
}

TEST_CASE("labels: every node knows its label", "[config][labels]") {
    const auto result = read({"mesh.tcp.routers.a.tls.domains[3].main=x"});
    const Tree& tree = result->parsed.parsed.tree;
    const LabelPaths& paths = result->parsed.paths;
    TreeNode node = tree.node(result->parsed.parsed.root);
    Lines found;
    while (node.size() > 0) {
        if (node.kind() == NodeKind::map) found.push_back(paths.path(node.key(0).place()));
        node = node.value(0);
        if (node.kind() != NodeKind::list) found.push_back(paths.path(node.place()));
        CHECK(paths.key(node.place()) == "mesh.tcp.routers.a.tls.domains[3].main");
    }
    found.erase(std::unique(found.begin(), found.end()), found.end());
    CHECK(found == Lines{"mesh.tcp",
                         "mesh.tcp.routers",
                         "mesh.tcp.routers.a",
                         "mesh.tcp.routers.a.tls",
                         "mesh.tcp.routers.a.tls.domains",
                         "mesh.tcp.routers.a.tls.domains[3]",
                         "mesh.tcp.routers.a.tls.domains[3].main"});
}
