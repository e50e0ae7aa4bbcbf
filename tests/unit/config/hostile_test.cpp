// Ten megabytes of anything, in every notation: read or refused in bounded time, in one clear line.
#include "config/load.hpp"
#include "support/catch.hpp"
#include "temporary_folder.hpp"
#include "work_time.hpp"

using namespace mesh::config;
using mesh::test::cpu_seconds;
using mesh::test::patience;
using mesh::test::TemporaryFolder;

namespace {

constexpr std::size_t ten_megabytes = 10'000'000;
std::string repeated(std::string_view piece, std::size_t size = ten_megabytes) {
    std::string out;
    out.reserve(size + piece.size());
    while (out.size() < size) out += piece;
    return out;
}

/// The code of the first error; empty: none.
std::string first_error(const LoadResult& result) {
    for (const Finding& finding : result.findings) {
        CHECK(render(finding).size() < 4096);
        if (finding.severity == Severity::error) return finding.code;
    }
    return "";
}

std::string of_file(const std::string& text, const std::string& name) {
    CAPTURE(name, text.substr(0, 60));
    const double began = cpu_seconds();
    const std::string code = first_error(load_text(text, name, {}));
    CHECK(cpu_seconds() - began < patience);
    return code;
}

std::string of_labels(const std::string& text, const std::string& name) {
    CAPTURE(name, text.substr(0, 60));
    const TemporaryFolder folder;
    LoadOptions options;
    options.label_files = {{folder.write(name, text), name.ends_with(".json")}};
    const double began = cpu_seconds();
    const LoadResult result =
        load_text("entryPoints: { web: { address: \":80\" } }\n", "mesh.yaml", options);
    CHECK(cpu_seconds() - began < patience);
    return first_error(result);
}

}  // namespace

TEST_CASE("hostile: ten megabytes of YAML", "[config][large]") {
    CHECK(of_file(repeated("a"), "f.yaml") == "wrong-kind");
    CHECK(of_file("a: \"" + repeated("b"), "f.yaml") == "syntax");
    CHECK(of_file(repeated("- a\n"), "f.yaml") == "wrong-kind");
    CHECK(of_file(repeated("[", 100'000), "f.yaml") == "syntax");
    CHECK(of_file("http: [" + repeated("1,", 1'000'000) + "1]\n", "f.yaml") == "missing");
}

TEST_CASE("hostile: ten megabytes of TOML", "[config][large]") {
    CHECK(of_file("http = \"" + repeated("b") + "\"\n", "f.toml") == "missing");
    CHECK(of_file(repeated("# comment\n"), "f.toml") == "missing");
    CHECK(of_file("a = \"" + repeated("b"), "f.toml") == "syntax");
    CHECK(of_file(repeated("a."), "f.toml") == "limit");
    CHECK(of_file('[' + repeated("a.") + "a]", "f.toml") == "limit");
    CHECK(of_file("a = " + repeated("["), "f.toml") == "limit");
    CHECK(of_file("a = " + repeated("{a="), "f.toml") == "limit");
    CHECK(of_file("a = [" + repeated("1,") + "1]", "f.toml") == "limit");
    CHECK(of_file(repeated("[[a]]\n"), "f.toml") == "limit");
    CHECK(of_file(repeated("[a]\n"), "f.toml") == "limit");
}

TEST_CASE("hostile: TOML that the parser searches through again and again", "[config][large]") {
    // Every second line is looked up among all tables before it.
    std::string dotted;
    for (int i = 0; i < 20'000; ++i) dotted += "k" + std::to_string(i) + ".a = 1\n";
    for (int i = 20'000; i-- > 0;) dotted += "k" + std::to_string(i) + ".b = 1\n";
    CHECK(of_file(dotted, "f.toml") == "unknown-option");

    std::string one_line = "k = { z = 1";
    for (const char* const name : {".b", ".c"})
        for (int i = 0; i < 15'000; ++i) one_line += ", a" + std::to_string(i) + name + " = 1";
    CHECK(of_file(one_line + " }\n", "f.toml") == "missing");

    std::string headers;
    for (int i = 0; i < 50'000; ++i) headers += "[k" + std::to_string(i) + ".a]\n";
    for (int i = 0; i < 50'000; ++i) headers += "[k" + std::to_string(i) + "]\n";
    CHECK(of_file(headers, "f.toml") == "unknown-option");
}

TEST_CASE("hostile: ten megabytes of labels and tags", "[config][large]") {
    CHECK(of_labels(repeated("mesh.tcp.routers.a.rule=HostSNI(`*`)\n"), "web.txt") == "limit");
    CHECK(of_labels("mesh." + repeated("a.") + "=1", "web.txt") == "limit");
    CHECK(of_labels("mesh.tcp.routers.a.rule=" + repeated("a"), "web.txt") == "limit");
    CHECK(of_labels(repeated("- mesh.tcp.routers.a.rule=HostSNI(`*`)\n"), "web.yaml") == "limit");
    CHECK(of_labels(repeated("[", 100'000), "web.yaml") == "syntax");

    CHECK(of_labels('[' + repeated("\"mesh.tcp.routers.a.rule=x\","), "web.json") == "syntax");
    CHECK(of_labels(repeated("["), "web.json") == "limit");
    CHECK(of_labels(repeated("{\"a\":"), "web.json") == "limit");
    CHECK(of_labels('[' + repeated("1,") + "1]", "web.json") == "limit");
    CHECK(of_labels('[' + repeated("1 "), "web.json") == "limit");
    CHECK(of_labels("//" + repeated("a"), "web.json") == "syntax");
    CHECK(of_labels("[\"" + repeated("a") + "\"]", "web.json").empty());
    CHECK(of_labels(repeated("a", label_file_size_max + 1), "web.json") == "unreadable");
}

TEST_CASE("hostile: 100-deep nesting, byte order marks, line ends and NUL, in every notation",
          "[config][hostile]") {
    const std::string bom = "\xEF\xBB\xBF";
    for (const std::string name : {"f.yaml", "f.toml"}) {
        const bool is_toml = name == "f.toml";
        const std::string valid = is_toml ? "[entryPoints.web]\r\naddress = \":80\"\r\n"
                                          : "entryPoints:\r\n  web: { address: \":80\" }\r\n";
        CHECK(of_file(bom + valid, name).empty());
        CHECK(of_file(valid + std::string(1, '\0'), name) == "encoding");
        CHECK(of_file(valid + "\xC0\x80", name) == "encoding");
        CHECK(of_file("x = " + std::string(100, '[') + std::string(100, ']'), name) ==
              (is_toml ? "limit" : "wrong-kind"));
    }
    CHECK(of_file(std::string(100, '[') + std::string(100, ']'), "f.yaml") == "limit");

    const std::string label = "mesh.tcp.routers.a.rule=HostSNI(`*`)";
    for (const auto& [name, text] : {std::pair<std::string, std::string>{"f.txt", label + "\r\n"},
                                     {"f.yaml", "- " + label + "\r\n"},
                                     {"f.json", "[\"" + label + "\"]\r\n"}}) {
        CHECK(of_labels(bom + text, name).empty());
        CHECK(of_labels(text + std::string(1, '\0'), name) == "encoding");
        CHECK(of_labels("mesh.tcp" + std::string(100, '.') + text, name) != "");
    }
}
