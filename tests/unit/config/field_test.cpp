#include "config/field.hpp"

#include "config/codes.hpp"
#include "config/quote.hpp"
#include "config/yaml.hpp"
#include "support/catch.hpp"

#include <limits>

using namespace mesh::config;
using std::chrono::milliseconds;

namespace {

/// One value under the key "k", and what reading it reports.
class OneValue {
 public:
    explicit OneValue(const std::string& value)
        : text_("k: " + value), yaml_(parse_yaml(text_, {}, problems_)) {
        REQUIRE(yaml_);
    }
    template <class Read>
    auto read(Read read) {
        const Source source{nullptr, text_, "/folder", environment_, false, problems_};
        const Field root(source, yaml_->tree.node(yaml_->root));
        return read(root.entry(0, "k"));
    }
    [[nodiscard]] std::string complaint() {
        const auto findings = problems_.take();
        return findings.empty() ? "" : findings.front().message;
    }

 private:
    Problems problems_;
    Environment environment_ = [](std::string_view) { return std::string("from outside"); };
    std::string text_;
    std::optional<ParsedTree> yaml_;
};

template <class Read>
std::string complaint(const std::string& value, Read read) {
    OneValue one(value);
    (void)one.read(read);
    return one.complaint();
}

const auto as_boolean = [](const Field& field) { return field.boolean(); };
const auto as_integer = [](const Field& field) { return field.integer(-5, 70'000); };
const auto as_duration = [](const Field& field) { return field.duration(milliseconds{60'000}); };
const auto as_texts = [](const Field& field) { return field.texts(); };
const auto as_text = [](const Field& field) { return field.text(); };

}  // namespace

TEST_CASE("field: booleans in every spelling, and nothing else", "[config][field]") {
    for (const char* text :
         {"true", "True", "TRUE", "yes", "Yes", "on", "ON", "1", "'1'", "\"on\""}) {
        CAPTURE(text);
        OneValue one(text);
        CHECK(one.read(as_boolean));
        CHECK(one.complaint().empty());
    }
    for (const char* text : {"false", "no", "OFF", "0"}) {
        CAPTURE(text);
        OneValue one(text);
        CHECK_FALSE(one.read(as_boolean));
        CHECK(one.complaint().empty());
    }
    for (const char* text : {"2", "t", "y", "enabled", "''", "' true'"}) {
        CAPTURE(text);
        CHECK(complaint(text, as_boolean).starts_with("expected true or false"));
    }
}

TEST_CASE("field: whole numbers within their range", "[config][field]") {
    CHECK(OneValue("0").read(as_integer) == 0);
    CHECK(OneValue("-5").read(as_integer) == -5);
    CHECK(OneValue("'70000'").read(as_integer) == 70'000);
    for (const char* text : {"-6", "70001", "1.0", "1e3", "0x10", "''", "' 1'", "1 000", "+1"}) {
        CAPTURE(text);
        CHECK(complaint(text, as_integer).starts_with("expected a whole number from -5 to 70000"));
    }
}

TEST_CASE("field: durations", "[config][field]") {
    CHECK(OneValue("10s").read(as_duration) == milliseconds{10'000});
    CHECK(OneValue("30").read(as_duration) == milliseconds{30'000});
    CHECK(OneValue("1m").read(as_duration) == milliseconds{60'000});
    for (const char* text : {"0", "61s", "-1s", "fast", "''", "1 m"}) {
        CAPTURE(text);
        CHECK(complaint(text, as_duration).starts_with("expected a duration"));
    }
}

TEST_CASE("field: a single value is a list of one", "[config][field]") {
    const auto values = [](const char* text) {
        std::vector<std::string> out;
        for (const Text& one : OneValue(text).read(as_texts)) out.push_back(one.value);
        return out;
    };
    CHECK(values("[a, 'b', 3]") == std::vector<std::string>{"a", "b", "3"});
    CHECK(values("a") == std::vector<std::string>{"a"});
    CHECK(values("''").empty());
    CHECK(values("[]").empty());
    CHECK(complaint("a,b", as_texts) == "expected a list, got \"a,b\"");
    CHECK(complaint("{a: b}", as_texts) == "expected a list, got a map");
}

TEST_CASE("field: a text knows its place and where it came from", "[config][field]") {
    const Text plain = OneValue("abc").read(as_text);
    CHECK(plain.value == "abc");
    CHECK(plain.at.line == 1);
    CHECK(plain.at.column == 4);
    CHECK(plain.at.path == "k");
    CHECK_FALSE(plain.hidden);
    CHECK(plain.verbatim_column == 4);
    CHECK(shown(plain) == "\"abc\"");

    const Text quoted_text = OneValue("'abc'").read(as_text);
    CHECK(quoted_text.verbatim_column == 5);
    CHECK(OneValue("\"a\\u0062c\"").read(as_text).verbatim_column == 0);
    CHECK(OneValue("'a''b'").read(as_text).verbatim_column == 0);

    const Text substituted = OneValue("${X}").read(as_text);
    CHECK(substituted.value == "from outside");
    CHECK(substituted.hidden);
    CHECK(shown(substituted) == "the substituted value");
}

TEST_CASE("field: control characters are refused in any value", "[config][field]") {
    CHECK(complaint("\"a\\0b\"", as_text) == "the value holds a control character");
    CHECK(complaint("\"a\\x1bb\"", as_text) == "the value holds a control character");
    CHECK(complaint("\"a\\tb\\nc\"", as_text).empty());
}

TEST_CASE("quote: nothing that a terminal acts upon is shown", "[config][field]") {
    CHECK(printable("shop.example") == "shop.example");
    CHECK(printable("Grüße €") == "Grüße €");
    CHECK(printable("a\x1b[31m\x7f\n") == "a?[31m??");
    CHECK(printable("a\xC2\x9B"
                    "b") == "a?b");  // C1 control
    CHECK(printable("a\xE2\x80\xAE"
                    "b") == "a?b");  // right-to-left override
    CHECK(printable("a\xE2\x81\xA6"
                    "b") == "a?b");  // isolate
    CHECK(printable("caf\xE9") == "caf?");
    CHECK(printable("\xE2\x82") == "??");
    CHECK(printable(std::string(70, 'x')) == std::string(60, 'x') + "...");
    CHECK(in_quotes("x") == "\"x\"");
}
