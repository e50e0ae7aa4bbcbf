// The rows of cases.md that need no daemon: labels of one container and what mesh makes of them.
#include "config/load.hpp"
#include "support/catch.hpp"
#include "temporary_folder.hpp"

using namespace mesh::config;
using mesh::test::TemporaryFolder;

namespace {

struct Case {
    std::string row;
    std::string labels;  ///< lines of key=value
    std::string expected;
    bool is_tags = false;  ///< `labels` is JSON
    std::vector<std::string> prefixes = {"mesh", "traefik"};
};

const std::string files =
    "entryPoints: { web: { address: \":80\" } }\n"
    "tcp:\n"
    "  services: { of-file: { loadBalancer: { servers: [{ address: 127.0.0.1:9 }] } } }\n"
    "tls: { options: { foo: {} } }\n";

std::string objects(const mesh::model::Configuration& configuration) {
    std::string out;
    for (const auto& [name, router] : configuration.routers) {
        if (router.provider == "file") continue;
        out += "router " + name + ": " + router.rule.text() + " -> " + router.service.value;
        if (router.tls) out += router.tls->passthrough ? ", passthrough" : ", tls";
        if (router.tls && router.tls->options) out += ' ' + router.tls->options->value;
        if (router.tls)
            for (const auto& domain : router.tls->domains) {
                out += ", " + domain.main.text();
                for (const auto& san : domain.sans) out += '+' + san.text();
            }
        out += '\n';
    }
    for (const auto& [name, service] : configuration.services) {
        if (name.find('@') == std::string::npos) continue;
        out += "service " + name + ':';
        for (const auto& server : service.servers)
            out += ' ' + server.host + ':' + std::to_string(server.port);
        out += '\n';
    }
    return out;
}

/// The objects of the provider, if all is well, and then what `check` says of them.
std::string outcome(const Case& row) {
    const TemporaryFolder folder;
    const std::string path = folder.write(row.is_tags ? "web.json" : "web.labels", row.labels);
    LoadOptions options;
    options.label_files = {{path, row.is_tags}};
    options.label_prefixes = row.prefixes;
    const LoadResult result = load_text(files, "mesh.yaml", options);
    std::string out;
    if (result.configuration) out += objects(*result.configuration);
    for (const Finding& finding : result.findings) {
        std::string line = render(finding);
        if (line.starts_with(path)) line.erase(0, path.size() + 1);
        out += line + '\n';
    }
    return out;
}

const std::string router = "traefik.tcp.routers.foo.";
const std::string rule = router + "rule=HostSNI(`foo.bar`)\n";
const std::string own_service_note =
    ": note: no labels and no file define the service \"web\": the container itself is what serves "
    "it";

std::vector<Case> cases() {
    const std::string no_tls =
        ": error: a rule that names a host needs TLS: plain TCP carries no server name "
        "(traefik.tcp.routers.foo.rule); add tls: {} to terminate TLS here, or tls: { passthrough: "
        "true } to pass it on\n";
    return {
        {"L1",
         rule + router + "tls=true\n",
         "router foo@docker: HostSNI(`foo.bar`) -> web@docker, tls\nservice web@docker: web:0\n"},
        {"L2",
         router + "tls=true\n",
         "1:1: error: \"rule\" is missing (traefik.tcp.routers.foo)\n"},
        {"L3",
         rule + router + "tls.options=foo\n" +
             "traefik.tcp.services.foo.loadbalancer.server.port=8080\n",
         "router foo@docker: HostSNI(`foo.bar`) -> foo@docker, tls foo\n"
         "service foo@docker: web:8080\n"},
        {"L4",
         "traefik.tcp.services.foo.loadbalancer.server.port=8080\n",
         "service foo@docker: web:8080\n"},
        {"L5",
         "traefik.tcp.services.test=\n",
         "1:1: error: expected options below this label, got a single value "
         "(traefik.tcp.services.test)\n"},
        {"L6",
         "traefik.wrong.label=42\n",
         "1:1: error: unknown option \"wrong\" (traefik.wrong.label); known here: "
         "traefik.tcp.routers.NAME..., traefik.tcp.services.NAME..., traefik.enable, "
         "traefik.docker.network\n"},
        {"L7",
         "traefik.http.routers.x.foo=1\n",
         "1:1: warning: 1 label of \"http\" or \"udp\", which mesh does not have; ignored "
         "(traefik.http.routers.x.foo)\n"},
        {"L8", rule + router + "tls=true\ntraefik.enable=false\n", ""},
        {"L13",
         rule + router + "tls=true\ntraefik.tcp.services.a.loadbalancer.server.port=1\n" +
             "traefik.tcp.services.b.loadbalancer.server.port=2\n",
         "1:1: error: \"service\" is missing, and the labels define several services "
         "(traefik.tcp.routers.foo); name one of them\n"},
        {"L14",
         rule + router + "tls=true\n" + router + "service=Service1\n" +
             "traefik.tcp.services.web.loadbalancer.server.port=1\n",
         "3:1: error: there is no service named \"Service1\" (traefik.tcp.routers.foo.service); "
         "defined: of-file, web@docker\n"},
        {"L20",
         "traefik.tls.stores.default.defaultgeneratedcert.resolver=le\n",
         "1:1: error: \"domain\" is missing (traefik.tls.stores.default.defaultgeneratedcert)\n"
         "1:1: error: there is no resolver named \"le\" "
         "(traefik.tls.stores.default.defaultgeneratedcert.resolver)\n"},
        {"L21",
         "traefik.tls.stores.other.defaultgeneratedcert.resolver=le\n"
         "traefik.tls.options.x.minversion=VersionTLS12\n",
         "1:1: error: of \"tls\", labels set stores.default.defaultGeneratedCert only "
         "(traefik.tls.stores.other.defaultgeneratedcert.resolver); put it into the configuration "
         "file\n"
         "2:1: error: of \"tls\", labels set stores.default.defaultGeneratedCert only "
         "(traefik.tls.options.x.minversion); put it into the configuration file\n"},
        {"L22",
         "traefik.tcp.=1\n",
         "1:1: error: a part of the label is empty (traefik.tcp.); parts are separated by one '.', "
         "items of a list numbered like domains[0].main\n"},
        {"L23",
         "traefik.tcp.[0].aaa=1\n",
         "1:1: error: \"[0]\" is not an option (traefik.tcp.[0].aaa); parts are separated by one "
         "'.', items of a list numbered like domains[0].main\n"},
        {"L24",
         rule + router + "tls.domains[0].main=a.example\n" + router +
             "tls.domains[1].main=b.example\n",
         "router foo@docker: HostSNI(`foo.bar`) -> web@docker, tls, a.example, b.example\n"
         "service web@docker: web:0\n"
         "2:1: warning: \"domains\" has no effect without \"certResolver\" "
         "(traefik.tcp.routers.foo.tls.domains[0])\n"},
        {"L25",
         rule + router + "tls.domains[10].main=ten.example\n" + router +
             "tls.domains[2].main=two.example\n",
         "router foo@docker: HostSNI(`foo.bar`) -> web@docker, tls, two.example, ten.example\n"
         "service web@docker: web:0\n"
         "3:1: warning: \"domains\" has no effect without \"certResolver\" "
         "(traefik.tcp.routers.foo.tls.domains[2])\n"},
        {"L26",
         "traefik.tcp.routers.Foo.rule=HostSNI(`*`)\ntraefik.tcp.routers.foo.tls=true\n",
         "2:1: error: \"rule\" is missing (traefik.tcp.routers.foo)\n"},
        {"L27",
         "traefic.tcp.routers.foo.rule=HostSNI(`*`)\n",
         " warning: no label of \"web\" begins with \"mesh.\" or \"traefik.\"\n"},
        {"L27 another case",
         "Traefik.tcp.routers.foo.rule=HostSNI(`foo.bar`)\nTRAEFIK.tcp.routers.foo.tls=true\n",
         "router foo@docker: HostSNI(`foo.bar`) -> web@docker, tls\nservice web@docker: web:0\n"},
        {"L28",
         rule + router + "tls=TRUE\n",
         "router foo@docker: HostSNI(`foo.bar`) -> web@docker, tls\nservice web@docker: web:0\n"},
        {"L29",
         rule + router + "tls=false\n" + router + "tls.options=foo\n",
         "1:1" + no_tls +
             "2:1: warning: \"tls\" is turned off: the labels below it have no effect "
             "(traefik.tcp.routers.foo.tls); remove this label, or those\n"},
        {"L30",
         rule + router + "tls=1\n",
         "router foo@docker: HostSNI(`foo.bar`) -> web@docker, tls\nservice web@docker: web:0\n"},
        {"L30 yes",
         rule + router + "tls=yes\n",
         "router foo@docker: HostSNI(`foo.bar`) -> web@docker, tls\nservice web@docker: web:0\n"},
        {"L30 neither",
         rule + router + "tls=ja\n",
         "1:1" + no_tls +
             "2:1: error: expected true or false, got \"ja\" (traefik.tcp.routers.foo.tls)\n"},
        {"L31",
         rule + router + "tls.passthrough=yes\n",
         "router foo@docker: HostSNI(`foo.bar`) -> web@docker, passthrough\n"
         "service web@docker: web:0\n"},
        {"L31 neither",
         rule + router + "tls.passthrough=ja\n",
         "2:1: error: expected true or false, got \"ja\" "
         "(traefik.tcp.routers.foo.tls.passthrough)\n"},
        {"L33",
         rule + router + "tls=true\n" + router + "priority=a\n",
         "3:1: error: expected a whole number, got \"a\" (traefik.tcp.routers.foo.priority)\n"},
        {"L34",
         rule + router + "tls.domains[0].main=a.example\n" + router +
             "tls.domains[0].sans=b.example,c.example , d.example\n" + router + "entrypoints=\n",
         "router foo@docker: HostSNI(`foo.bar`) -> web@docker, tls, "
         "a.example+b.example+c.example+d.example\nservice web@docker: web:0\n"
         "2:1: warning: \"domains\" has no effect without \"certResolver\" "
         "(traefik.tcp.routers.foo.tls.domains[0])\n"},
        {"L35",
         rule + router + "tls.domains[0].main=a.example\n" + router +
             "tls.domains[0].sans[0]=b.example\n",
         "router foo@docker: HostSNI(`foo.bar`) -> web@docker, tls, a.example+b.example\n"
         "service web@docker: web:0\n"
         "2:1: warning: \"domains\" has no effect without \"certResolver\" "
         "(traefik.tcp.routers.foo.tls.domains[0])\n"},
        {"L36",
         "traefik.tcp.services.foo.loadbalancer.server.address=127.0.0.1:80\n",
         "1:1: error: unknown option \"address\" "
         "(traefik.tcp.services.foo.loadbalancer.server.address); known here: port, weight, "
         "tls, startTLS\n"},
        {"L36 item",
         "traefik.tcp.services.foo.loadbalancer.servers[0].address=127.0.0.1:80\n",
         "service foo@docker: 127.0.0.1:80\n"},
        {"L39",
         "[\"test.tcp.routers.a.rule=HostSNI(`*`)\", \"ccc=03\", "
         "\"test.tcp.routers.a.service=x=y\"]",
         "router a@consulcatalog: HostSNI(`*`) -> x=y@consulcatalog\n"
         "service x=y@consulcatalog: web:0\n"
         "1:52: note: no labels and no file define the service \"x=y\": the container itself is "
         "what serves it (test.tcp.routers.a.service)\n",
         true,
         {"test"}},
        {"L40",
         "[\"tcp.routers.a.rule=HostSNI(`*`)\", \"ccc=03\", \"tcp.routers.a.service=of-file\"]",
         "router a@consulcatalog: HostSNI(`*`) -> of-file\n",
         true,
         {""}},
        {"L41",
         "[\"mesh.tcp.routers.a\", \"primary\", \"mesh.tcp.routers.a.rule=HostSNI(`*`)\"]",
         "router a@consulcatalog: HostSNI(`*`) -> web@consulcatalog\n"
         "service web@consulcatalog: web:0\n",
         true},
    };
}

}  // namespace

TEST_CASE("labels: the rows of the case table", "[config][labels]") {
    for (const Case& row : cases()) {
        CAPTURE(row.row, row.labels);
        CHECK(outcome(row) == row.expected);
    }
}

TEST_CASE("labels: two containers that define one router", "[config][labels]") {
    const auto checked = [](const std::string& compose) {
        const TemporaryFolder folder;
        const std::string path = folder.write("compose.yaml", compose);
        LoadOptions options;
        options.label_files = {{path, false}};
        const LoadResult result = load_text(files, "mesh.yaml", options);
        std::string out = result.configuration ? objects(*result.configuration) : "";
        for (const Finding& finding : result.findings)
            out += render(finding).substr(path.size() + 1) + '\n';
        return out;
    };
    const auto service =
        [](const std::string& name, const std::string& rule_of_a, const std::string& more = {}) {
            return "  " + name + ":\n    labels:\n      - \"mesh.tcp.routers.a.rule=" + rule_of_a +
                   "\"\n      - mesh.tcp.routers.a.service=s\n" + more;
        };
    // Saying the same, they are the two servers of one service.
    CHECK(
        checked("services:\n" + service("one", "HostSNI(`*`)") + service("two", "HostSNI(`*`)")) ==
        "router a@docker: HostSNI(`*`) -> s@docker\nservice s@docker: one:0 two:0\n"
        "5:9: note: no labels and no file define the service \"s\": the container itself is what "
        "serves it (mesh.tcp.routers.a.service)\n"
        "9:9: note: no labels and no file define the service \"s\": the container itself is what "
        "serves it (mesh.tcp.routers.a.service)\n");
    const std::string other_rule = checked("services:\n" + service("one", "HostSNI(`*`)") +
                                           service("two", "!HostSNI(`x.example`)"));
    CHECK_THAT(other_rule,
               ContainsSubstring("8:9: error: another container defines the router \"a\" "
                                 "differently (mesh.tcp.routers.a); it stands first in line 4\n"));
    const std::string other_service = checked(
        "services:\n  one:\n    labels: [\"mesh.tcp.routers.a.rule=HostSNI(`*`)\"]\n"
        "  two:\n    labels: [\"mesh.tcp.routers.a.rule=HostSNI(`*`)\"]\n");
    CHECK_THAT(other_service, ContainsSubstring("defines the router \"a\" differently"));
}
