#include "observe/escape.hpp"

#include "support/catch.hpp"

#include <nlohmann/json.hpp>

#include <random>
#include <string>

namespace mesh::observe {
namespace {

using std::string_literals::operator""s;

std::string value_of(std::string_view text) {
    std::string line;
    append_value(line, text);
    return line;
}

std::string json_of(std::string_view text) {
    std::string line;
    append_json(line, text);
    return line;
}

struct Row {
    const char* what;
    std::string text;
    std::string common;
    std::string json;
};

const std::vector<Row>& table() {
    static const std::vector<Row> rows{
        {"plain", "shop.example:443", "shop.example:443", R"("shop.example:443")"},
        {"empty", "", R"("")", R"("")"},
        {"a space", "a b", R"("a b")", R"("a b")"},
        {"an equals sign", "a=b", R"("a=b")", R"("a=b")"},
        {"a quote", R"(a"b)", R"("a\"b")", R"("a\"b")"},
        {"a backslash", R"(a\x0Ab)", R"("a\\x0Ab")", R"("a\\x0Ab")"},
        {"a line feed", "a\nlevel=ERROR", R"("a\x0Alevel=ERROR")", R"("a\u000Alevel=ERROR")"},
        {"CR LF", "a\r\nb", R"("a\x0D\x0Ab")", R"("a\u000D\u000Ab")"},
        {"ESC", "\x1b[2J", R"("\x1B[2J")", R"("\u001B[2J")"},
        {"NUL", "a\0b"s, R"("a\x00b")", R"("a\u0000b")"},
        {"DEL", "a\x7f", R"("a\x7F")", R"("a\u007F")"},
        {"valid UTF-8", "m\xc3\xbcnchen", "m\xc3\xbcnchen", "\"m\xc3\xbcnchen\""},
        {"four bytes", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
        {"C1 control CSI", "\xc2\x9b", R"("\xC2\x9B")", R"("\u009B")"},
        {"line separator", "a\xe2\x80\xa8", R"("a\xE2\x80\xA8")", R"("a\u2028")"},
        {"right-to-left override", "\xe2\x80\xae", R"("\xE2\x80\xAE")", R"("\u202E")"},
        {"isolate", "\xe2\x81\xa6", R"("\xE2\x81\xA6")", R"("\u2066")"},
        {"lone continuation", "a\x80", R"("a\x80")", R"("a\\x80")"},
        {"lone lead", "\xc3", R"("\xC3")", R"("\\xC3")"},
        {"lead, then ASCII", "\xc3(", R"("\xC3(")", R"("\\xC3(")"},
        {"overlong slash", "\xc0\xaf", R"("\xC0\xAF")", R"("\\xC0\\xAF")"},
        {"overlong in three", "\xe0\x80\xaf", R"("\xE0\x80\xAF")", R"("\\xE0\\x80\\xAF")"},
        {"surrogate", "\xed\xa0\x80", R"("\xED\xA0\x80")", R"("\\xED\\xA0\\x80")"},
        {"above U+10FFFF",
         "\xf4\x90\x80\x80",
         R"("\xF4\x90\x80\x80")",
         R"("\\xF4\\x90\\x80\\x80")"},
        {"0xFF", "\xff", R"("\xFF")", R"("\\xFF")"},
        {"cut in the middle", "\xf0\x9f\x98", R"("\xF0\x9F\x98")", R"("\\xF0\\x9F\\x98")"},
    };
    return rows;
}

}  // namespace

TEST_CASE("escape: what could forge a line is shown as hex, everything else as it is",
          "[observe]") {
    for (const Row& row : table()) {
        DYNAMIC_SECTION(row.what) {
            CHECK(value_of(row.text) == row.common);
            CHECK(json_of(row.text) == row.json);
            CHECK(nlohmann::json::accept(json_of(row.text)));
        }
    }
}

TEST_CASE("escape: JSON of text without invalid bytes reads back as the text", "[observe]") {
    for (const Row& row : table()) {
        if (row.json.find(R"(\\x)") != std::string::npos) continue;
        CHECK(nlohmann::json::parse(json_of(row.text)).get<std::string>() == row.text);
    }
}

TEST_CASE("escape: random bytes never give a control byte, and JSON that always parses",
          "[observe]") {
    const unsigned seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937 random(seed);
    for (int round = 0; round < 2'000; ++round) {
        std::string text(random() % 40, '\0');
        for (char& c : text) c = static_cast<char>(random());
        const std::string common = value_of(text);
        const std::string json = json_of(text);
        for (const std::string& out : {common, json})
            for (const char c : out) {
                const auto byte = static_cast<unsigned char>(c);
                REQUIRE(byte >= 0x20);
                REQUIRE(byte != 0x7f);
            }
        REQUIRE(nlohmann::json::accept(json));
        REQUIRE(nlohmann::json::accept(json_of(common)));  // common is valid UTF-8 too
    }
}

TEST_CASE("escape: a field's name cannot carry syntax", "[observe]") {
    std::string line;
    append_key(line, "not_after");
    append_key(line, "a=\"b\n");
    append_key(line, "");
    CHECK(line == "not_aftera__b__");
}

}  // namespace mesh::observe
