#include "config/label_files.hpp"

#include "support/catch.hpp"

using namespace mesh::config;

namespace {

using Lines = std::vector<std::string>;

struct Units {
    Lines labels;  ///< "name: key=value@line:column"
    Lines findings;
};

Units listed(const std::vector<LabelledUnit>& units, Problems& problems) {
    Units out;
    for (const LabelledUnit& unit : units)
        for (const Label& label : unit.labels)
            out.labels.push_back(unit.name + ": " + label.key + '=' + label.value + '@' +
                                 std::to_string(label.line) + ':' + std::to_string(label.column));
    for (const Finding& finding : problems.take()) out.findings.push_back(render(finding));
    return out;
}

Units labels(std::string_view text, const std::string& file = "dir/web.txt") {
    Problems problems;
    const auto units = read_labels(text, file, problems);
    return listed(units, problems);
}

Units tags(std::string_view text) {
    Problems problems;
    const auto units = read_tags(text, "web.json", problems);
    return listed(units, problems);
}

}  // namespace

TEST_CASE("label files: lines of key=value", "[config][labels]") {
    CHECK(labels("# a comment\n\n  a.b=1=2\r\nc\nd=\n").labels ==
          Lines{"web: a.b=1=2@3:3", "web: c=@4:1", "web: d=@5:1"});
    CHECK(labels("rule=Host: x").labels == Lines{"web: rule=Host: x@1:1"});
    CHECK(labels("a=$$1").labels == Lines{"web: a=$$1@1:1"});
}

TEST_CASE("label files: YAML lists and maps, with and without the key", "[config][labels]") {
    CHECK(labels("- \"a=1\"\n- b=$$x$$$$\n").labels == Lines{"web: a=1@1:3", "web: b=$x$$@2:3"});
    CHECK(labels("labels:\n  - a=1\n").labels == Lines{"web: a=1@2:5"});
    CHECK(labels("labels:\n  a.b: 1\n  c: true\n  d:\n").labels ==
          Lines{"web: a.b=1@2:3", "web: c=true@3:3", "web: d=@4:3"});
    CHECK(labels("a.b: \"x=1\"\n").labels == Lines{"web: a.b=x=1@1:1"});
    CHECK(labels("", "web.yaml").labels.empty());
}

TEST_CASE("label files: every service of a Compose file", "[config][labels]") {
    CHECK(labels("version: '3'\nservices:\n  one:\n    image: x\n    labels: [a=1]\n"
                 "  two:\n    labels: { b: 2 }\n    deploy: { labels: [c=3] }\n  three: {}\n")
              .labels == Lines{"one: a=1@5:14", "two: b=2@7:15", "two: c=3@8:24"});
}

TEST_CASE("label files: what is not a label", "[config][labels]") {
    CHECK(labels("labels: nothing\n").findings ==
          Lines{"dir/web.txt:1:9: error: expected a list or map of labels"});
    CHECK(labels("- a=1\n- [b]\n").findings == Lines{"dir/web.txt:2:3: error: expected key=value"});
    CHECK(labels("labels: { a: { b: 1 } }\n").findings ==
          Lines{"dir/web.txt:1:14: error: expected a single value"});
    CHECK(labels("a=1\nb=\x01\n").findings ==
          Lines{"dir/web.txt:2:3: error: control character 0x01 in the file; remove it"});
}

TEST_CASE("tag files: a list, a service, a catalog", "[config][labels]") {
    CHECK(tags("[\"a=1\", \"b\"]").labels == Lines{"web: a=1@1:2"});
    CHECK(tags("{\"tags\": [\"a=1\"], \"name\": \"db\"}").labels == Lines{"db: a=1@1:11"});
    CHECK(tags("{\"service\": {\"name\": \"db\", \"tags\": [\"a=1\"]}}").labels ==
          Lines{"db: a=1@1:37"});
    CHECK(tags("{\"services\": [{\"name\": \"x\", \"tags\": [\"a=1\"]}, "
               "{\"name\": \"y\", \"tags\": [\"b=2\"]}]}")
              .labels == Lines{"x: a=1@1:38", "y: b=2@1:70"});
    CHECK(tags("[{\"ServiceName\": \"z\", \"ServiceTags\": [\"a=1\"]}]").labels ==
          Lines{"z: a=1@1:39"});
    CHECK(tags("\xEF\xBB\xBF[\"\\u0061\\t=\\\"\\uD83D\\uDE00\"]").labels ==
          Lines{"web: a\t=\"\xF0\x9F\x98\x80@1:2"});
}

TEST_CASE("tag files: comments and commas are tolerated where they stand", "[config][labels]") {
    const Units found =
        tags("{ // one\n  \"Tags\": [\n    \"ä=1\"\n    \"b=2\", /* two */\n  ],\n}");
    CHECK(found.labels == Lines{"web: ä=1@3:5", "web: b=2@4:5"});
    CHECK(found.findings ==
          Lines{"web.json:1:3: warning: a comment, which JSON does not have; remove it",
                "web.json:3:10: warning: a ',' is missing here; add it",
                "web.json:4:10: warning: a ',' before the ']'; remove it",
                "web.json:4:12: warning: a comment, which JSON does not have; remove it",
                "web.json:5:4: warning: a ',' before the '}'; remove it"});
}

TEST_CASE("tag files: what is not JSON", "[config][labels]") {
    const auto only = [](std::string_view text) {
        const Units found = tags(text);
        REQUIRE(found.findings.size() == 1);
        CHECK(found.labels.empty());
        return found.findings[0].substr(std::string("web.json:").size());
    };
    CHECK(only("") == "1:1: error: the text ends in the middle; put text in double quotes");
    CHECK(only("[a=1]") == "1:2: error: a value is expected here; put text in double quotes");
    CHECK(only("[\"a=1\"") == "1:7: error: a ']' is missing");
    CHECK(only("[\"a=1\n\"]") ==
          "1:2: error: the quote that opens here is not closed; add the closing quote");
    CHECK(only("[\"\\x\"]") == "1:3: error: unknown escape sequence; write \\\\ for a backslash");
    CHECK(only("[\"\\ud800\"]") ==
          "1:9: error: unknown escape sequence; write \\\\ for a backslash");
    CHECK(only("[\"\\udc00\"]") == "1:9: error: half of a surrogate pair");
    CHECK(only("{\"Tags\" []}") == "1:9: error: a ':' is expected here; write \"key\": value");
    CHECK(only("{Tags: []}") == "1:2: error: a key in double quotes is expected here");
    CHECK(only("[,]") == "1:2: error: a value is expected here; put text in double quotes");
    CHECK(only("[] []") == "1:4: error: unexpected text after the end");
    CHECK(only("/* [") == "1:1: error: a comment is not closed; add */");
    CHECK(only(std::string(100, '[')) == "1:65: error: nested more than 64 levels deep");
    CHECK(only("{\"a\": 1}") == "1:1: error: expected a list of tags, or a service with \"Tags\"");
    CHECK(only("{\"Tags\": 1}") == "1:10: error: expected a list of tags");
    CHECK(only("[{\"Tags\": [[]]}]") == "1:12: error: expected a tag in double quotes");
}
