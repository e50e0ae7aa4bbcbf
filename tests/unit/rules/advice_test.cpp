#include "rules/advice.hpp"

#include "rules/rule.hpp"
#include "support/catch.hpp"

using mesh::rules::Advice;
using mesh::rules::render;
using mesh::rules::Rule;
using Kind = mesh::rules::Advice::Kind;

namespace {

std::vector<Kind> kinds(std::string_view text) {
    auto parsed = Rule::parse(text);
    if (!parsed) FAIL(render(parsed.error(), text));
    std::vector<Kind> out;
    for (const Advice& advice : parsed->advice()) out.push_back(advice.kind);
    return out;
}

std::vector<Kind> of_regexp(const std::string& pattern) {
    return kinds("HostSNIRegexp(`" + pattern + "`)");
}

}  // namespace

TEST_CASE("rule advice: a regular expression that longer names match too", "[rule][advice]") {
    for (const char* anchored : {R"(^a\.example$)",
                                 R"(\Aa\.example\z)",
                                 R"(^(a|b)\.example$)",
                                 R"((^a\.example$|^b\.example$))",
                                 R"(^(?:a|b)(?:\.example$|\.test$))",
                                 R"((?i)^a\.example$)",
                                 R"((?i:^a\.example$))",
                                 R"(^a{2,3}\.example$)",
                                 R"(.*\.example$)",
                                 R"(^a\..+)",
                                 R"(.*)",
                                 R"(^[)^$(]$)",
                                 R"(^[^]a]$)",
                                 R"(^[[:alpha:]]$)",
                                 R"(^\Qa(\E$)"}) {
        CAPTURE(anchored);
        CHECK(of_regexp(anchored).empty());
    }
    for (const char* unanchored : {R"(a\.example)",
                                   R"(^a\.example)",
                                   R"(a\.example$)",
                                   R"(^a$|b)",
                                   R"(^a|b$)",
                                   R"((^a)?b$)",
                                   R"(^a\$)",
                                   R"(\^a$)",
                                   R"(^a\.*)",
                                   R"([^a]$)",
                                   R"(^(a|b$))"}) {
        CAPTURE(unanchored);
        CHECK(of_regexp(unanchored) == std::vector{Kind::regexp_unanchored});
    }
}

TEST_CASE("rule advice: letters that no server name holds", "[rule][advice]") {
    CHECK(of_regexp("^Shop$") == std::vector{Kind::regexp_never_matches});
    CHECK(of_regexp("^{sub:[a-z]+}$") == std::vector{Kind::regexp_never_matches});
    CHECK(of_regexp("^a{,3}$") == std::vector{Kind::regexp_never_matches});
    CHECK(of_regexp("(?i)^Shop$").empty());
    CHECK(of_regexp(R"(^\S+\D\W[A-Za-z]\pL\p{Lu}\x4A\x{4A}(?P<Name>x)$)").empty());
    CHECK(of_regexp("^a{3}b{1,}$").empty());
}

TEST_CASE("rule advice: Host is an alias, said once, at its place", "[rule][advice]") {
    const std::string text = "HostSNI(`a.b`) || Host(`c.d`) || host(`e.f`)";
    const Rule rule = Rule::parse(text).value();

    REQUIRE(rule.advice().size() == 1);
    CHECK(rule.advice()[0].kind == Kind::host_alias);
    CHECK(render(rule.advice()[0].remark, text) ==
          "Host means HostSNI here: TCP routing sees the server name only\n"
          "    HostSNI(`a.b`) || Host(`c.d`) || host(`e.f`)\n"
          "                      ^~~~\n"
          "hint: write HostSNI\n");
}

TEST_CASE("rule advice: points into the pattern", "[rule][advice]") {
    const std::string text = "HostSNIRegexp(`^a\\.Shop$`)";

    REQUIRE(Rule::parse(text)->advice().size() == 1);
    CHECK(render(Rule::parse(text)->advice()[0].remark, text) ==
          "server names are compared in lower case, so no name has this letter\n"
          "    HostSNIRegexp(`^a\\.Shop$`)\n"
          "                       ^\n"
          "hint: write it in lower case\n");
}
