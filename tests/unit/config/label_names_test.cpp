// What a bare name means where labels and files both have one.
#include "config/inventory.hpp"
#include "fleet.hpp"
#include "support/catch.hpp"

#include <map>

using namespace mesh;
using namespace mesh::config;
using namespace mesh::test;

namespace {

/// The files have a laxer "office" and a "web" of their own.
const std::string office_of_files =
    "entryPoints: { web: { address: \":443\" } }\n"
    "providers: { docker: {} }\n"
    "tcp:\n"
    "  middlewares: { office: { inFlightConn: { amount: 9 } } }\n"
    "  services: { web: { loadBalancer: { servers: [{ address: \"192.0.2.9:9\" }] } } }\n";

const std::string office = "mesh.tcp.middlewares.office.ipallowlist.sourcerange";

LabelPairs guarded(const LabelPairs& more = {}) {
    LabelPairs labels = {{"mesh.tcp.routers.db.rule", "HostSNI(`db.example`)"},
                         {"mesh.tcp.routers.db.tls", "true"},
                         {"mesh.tcp.routers.db.middlewares", "office"}};
    labels.insert(labels.end(), more.begin(), more.end());
    return labels;
}

std::string routers(const LoadResult& result) {
    const std::string all = labelled_objects(result);
    return all.substr(0, all.find("service "));
}

const std::string guarded_by_labels =
    "router db@docker: HostSNI(`db.example`) -> db@docker via office@docker, tls\n";
const std::string guarded_by_files =
    "router db@docker: HostSNI(`db.example`) -> db@docker via office, tls\n";
const std::string refused = "closed router db@docker: HostSNI(`db.example`), tls\n";

}  // namespace

TEST_CASE("label names: a bare name is the labels', then the files'", "[config][inventory]") {
    Running mesh(office_of_files);
    CHECK(routers(mesh.load({container("db", guarded())})) == guarded_by_files);
    CHECK(routers(mesh.load({container("db", guarded({{office, "10.0.0.0/8"}}))})) ==
          guarded_by_labels);
}

TEST_CASE("label names: a middleware that is left out is not replaced by the files'",
          "[config][inventory]") {
    const auto first = [](const std::vector<LabelledUnit>& units) {
        Running mesh(office_of_files);
        const LoadResult& result = mesh.load(units);
        INFO(all_findings(result));
        return routers(result);
    };
    const LabelledUnit db = container("db", guarded());
    const std::string section = "mesh.tcp.middlewares.office";
    const std::vector<LabelPairs> broken = {
        {{office, "10.0.0/8"}},
        {{section + ".ipallowlst.sourcerange", "10.0.0.0/8"}},
        {{section + "..ipallowlist.sourcerange", "10.0.0.0/8"}},
        {{"mesh.tcp.middlewares..office.ipallowlist.sourcerange", "10.0.0.0/8"}},
        {{"mesh.tcp.middleware.office.ipallowlist.sourcerange", "10.0.0.0/8"}},
        {{"mesh.middlewares.office.ipallowlist.sourcerange", "10.0.0.0/8"}},
        {{"mesh.tpc.middlewares.office.ipallowlist.sourcerange", "10.0.0.0/8"}},
        {{office, "10.0.0.0/8"}, {"mesh.enable", "fasle"}},
    };
    for (const LabelPairs& labels : broken) {
        INFO(labels.front().first);
        CHECK(first({db, container("other", labels)}) == refused);
        if (labels.size() == 1)
            CHECK(first({container("db", guarded(labels))}) ==
                  refused);  // of its own labels as well
    }
    // Two that differ.
    CHECK(first({db,
                 container("a", {{office, "10.0.0.0/8"}}),
                 container("b", {{office, "10.0.0.0/9"}})}) == refused);
    // What is wrong elsewhere, or switched off, means nothing by the name.
    CHECK(first({db, container("other", {{"mesh.tcp.routers.office.rule", "Host("}})}) ==
          guarded_by_files);
    CHECK(first({db, container("other", {{"mesh.tcp.router.office.rule", "Host("}})}) ==
          guarded_by_files);
    CHECK(first({db, container("other", {{office, "10.0.0/8"}, {"mesh.enable", "false"}})}) ==
          guarded_by_files);
    CHECK(first({db, container("other", {{"msh.tcp.middlewares.office.x", "1"}})}) ==
          guarded_by_files);
}

TEST_CASE("label names: a service that is left out is not replaced by the files'",
          "[config][inventory]") {
    const LabelPairs to_web = {{"mesh.tcp.routers.db.rule", "HostSNI(`db.example`)"},
                               {"mesh.tcp.routers.db.tls", "true"},
                               {"mesh.tcp.routers.db.service", "web"}};
    const std::string section = "mesh.tcp.services.web";
    for (const std::string& key : {section + ".loadBalancer.server.port",
                                   section + "..loadBalancer.server.port",
                                   section + ".loadBalancer.servers[0].address"}) {
        INFO(key);
        LabelPairs labels = to_web;
        labels.emplace_back(key, "x");
        Running mesh(office_of_files);
        CHECK(routers(mesh.load({container("db", labels)})) == refused);
    }
    Running mesh(office_of_files);
    CHECK(routers(mesh.load({container("db", to_web)})) ==
          "router db@docker: HostSNI(`db.example`) -> web, tls\n");
}

TEST_CASE("label names: what worked stays stale rather than become the files'",
          "[config][inventory]") {
    Running mesh(office_of_files);
    const LabelledUnit db = container("db", guarded());
    const LabelledUnit other = container("other", {{office, "10.0.0.0/8"}});
    CHECK(routers(mesh.load({db, other})) == guarded_by_labels);
    CHECK(routers(mesh.load({db, container("other", {{office, "10.0.0/8"}})})) ==
          guarded_by_labels);
    CHECK(routers(mesh.load({db, container("other", {{office + ".x..y", "10.0.0/8"}})})) ==
          guarded_by_labels);
}

TEST_CASE("label names: what labels defined is not the files' when their container stops",
          "[config][inventory]") {
    Running mesh(office_of_files);
    const LabelledUnit db = container("db", guarded());
    const LabelledUnit other = container("other", {{office, "10.0.0.0/8"}});
    CHECK(routers(mesh.load({db, other})) == guarded_by_labels);
    for (int i = 0; i < 3; ++i) {
        const LoadResult& result = mesh.load({db});
        CHECK(routers(result) == refused);
        CHECK_THAT(all_findings(result),
                   ContainsSubstring("no labels of docker define the middleware \"office\" in a "
                                     "way that can be applied (mesh.tcp.routers.db.middlewares); "
                                     "write office@file for the one of the files"));
    }
    CHECK(routers(mesh.load({db, other})) == guarded_by_labels);
    // It comes back without: then it is meant.
    CHECK(routers(mesh.load({db})) == refused);
    CHECK(routers(mesh.load({db, container("other", LabelPairs{})})) == guarded_by_files);
    CHECK(routers(mesh.load({db})) == guarded_by_files);
}
