// docs/findings.md: every code has its section, and its examples do what the page says.
#include "config/codes.hpp"
#include "config/load.hpp"
#include "reference_document.hpp"
#include "support/catch.hpp"
#include "temporary_folder.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <vector>

using namespace mesh;
using namespace mesh::config;

namespace {

/// A block of YAML. `kind`: what follows "yaml" on its first line, "labels" or "further".
struct Example {
    std::string kind;
    std::string text;
};

struct CodeSection {
    std::string code;
    std::string prose;
    std::vector<Example> examples;
};

/// Codes that take a running process, files with certificates, or more text than a page has room
/// for.
const std::set<std::string, std::less<>> without_example = {"unreadable",
                                                            "encoding",
                                                            "limit",
                                                            "certificate-file",
                                                            "certificate-expired",
                                                            "too-many-names",
                                                            "stale",
                                                            "closed",
                                                            "needs-restart",
                                                            "server-unresolved",
                                                            "cannot-bind",
                                                            "store-failed",
                                                            "traefik-store",
                                                            "log-file"};

/// The page, taken apart: the lines that go with the examples, and the sections.
class Page {
 public:
    explicit Page(const std::string& path) {
        std::istringstream in(mesh::test::read_whole(path));
        for (std::string line; std::getline(in, line);) take(line);
    }

    [[nodiscard]] const std::vector<CodeSection>& sections() const { return sections_; }

    /// An example with the lines it lacks.
    [[nodiscard]] std::string completed(const std::string& example) const {
        std::string out;
        std::istringstream in(frame_);
        std::string key;
        for (std::string line; std::getline(in, line);) {
            if (!line.starts_with(' ')) key = line.substr(0, line.find(':') + 1);
            if (!has_section(example, key)) out += line + '\n';
        }
        if (!has_section(example, "tcp:") || example.find("\n  services:") != std::string::npos)
            return out + example;
        const std::string services = frame_.substr(frame_.find("  services:"));
        std::string with_services = '\n' + example;
        with_services.insert(with_services.find("\ntcp:\n") + 6, services);
        return out + with_services;
    }

 private:
    static bool has_section(const std::string& text, const std::string& key) {
        return ('\n' + text).find('\n' + key) != std::string::npos;
    }

    void take(const std::string& line) {
        if (line.starts_with("```")) {
            in_yaml_ = !in_block_ && line.starts_with("```yaml");
            in_block_ = !in_block_;
            if (in_yaml_ && !sections_.empty())
                sections_.back().examples.push_back(
                    {line.substr(std::min<std::size_t>(8, line.size())), {}});
        } else if (in_block_) {
            if (in_yaml_)
                (sections_.empty() ? frame_ : sections_.back().examples.back().text) += line + '\n';
        } else if (line.starts_with("### `")) {
            sections_.push_back({line.substr(5, line.size() - 6), {}, {}});
        } else if (!line.starts_with("## ") && !sections_.empty()) {
            sections_.back().prose += line + '\n';
        }
    }

    std::string frame_;
    std::vector<CodeSection> sections_;
    bool in_block_ = false;
    bool in_yaml_ = false;
};

const Page& page() {
    static const Page read(MESH_FINDINGS_PAGE);
    return read;
}

LoadResult load_example(const Example& example) {
    const test::TemporaryFolder folder;
    for (const char* const file : {"client-ca.pem", "default.pem", "default.key"})
        folder.write(file, "");
    LoadOptions options;
    std::string text = page().completed(example.kind.empty() ? example.text : "");
    if (example.kind == "labels")
        options.label_files.push_back({folder.write("labels.yaml", example.text), false});
    if (example.kind == "further") {
        folder.write("routers.yaml", example.text);
        text += "providers: { file: { filename: routers.yaml } }\n";
    }
    return load_text(text, folder.file("mesh.yaml"), options);
}

std::string all_of(const LoadResult& result) {
    std::string out;
    for (const Finding& finding : result.findings)
        out += finding.code + ": " + render(finding) + '\n';
    return out;
}

const Finding* find_code(const LoadResult& result, const std::string& code) {
    const auto found = std::find_if(result.findings.begin(), result.findings.end(), [&](auto& one) {
        return one.code == code;
    });
    return found == result.findings.end() ? nullptr : &*found;
}

/// "Warning", as the table of codes begins.
std::string severity_of(std::string_view meaning) {
    if (meaning.starts_with("warning")) return "Warning";
    return meaning.starts_with("note") ? "Note" : "Error";
}

}  // namespace

TEST_CASE("findings page: every code has one section that says how grave it is",
          "[config][findings]") {
    std::map<std::string, int> sections;
    for (const CodeSection& section : page().sections()) ++sections[section.code];
    for (const codes::Code& code : codes::all()) {
        CAPTURE(std::string(code.code));
        CHECK(sections[std::string(code.code)] == 1);
    }
    CHECK(sections.size() == codes::all().size());

    for (const codes::Code& code : codes::all())
        for (const CodeSection& section : page().sections())
            if (section.code == code.code) {
                CAPTURE(section.code);
                CHECK(section.prose.starts_with('\n' + severity_of(code.meaning) + ". "));
                CHECK_THAT(section.prose, ContainsSubstring("Instead:"));
            }
}

TEST_CASE("findings page: each example brings its code about, and what to write instead does not",
          "[config][findings]") {
    for (const CodeSection& section : page().sections()) {
        CAPTURE(section.code);
        if (without_example.contains(section.code)) {
            CHECK(section.examples.empty());
            continue;
        }
        REQUIRE(section.examples.size() == 2);
        const LoadResult wrong = load_example(section.examples[0]);
        const Finding* const found = find_code(wrong, section.code);
        INFO(all_of(wrong));
        REQUIRE(found != nullptr);
        std::string severity(to_string(found->severity));
        severity[0] = static_cast<char>(severity[0] - 'a' + 'A');
        CHECK(section.prose.starts_with('\n' + severity + ". "));
        CHECK(std::all_of(wrong.findings.begin(), wrong.findings.end(), [&](const Finding& one) {
            return one.severity != Severity::error || one.code == section.code;
        }));

        const LoadResult right = load_example(section.examples[1]);
        INFO(all_of(right));
        CHECK(find_code(right, section.code) == nullptr);
        CHECK(right.configuration.has_value());
    }
}
