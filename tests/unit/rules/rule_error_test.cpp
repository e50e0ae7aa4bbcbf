#include "rules/rule_error.hpp"

#include "rules/rule.hpp"
#include "support/catch.hpp"

using mesh::rules::excerpt;
using mesh::rules::render;
using mesh::rules::Rule;
using mesh::rules::RuleError;

namespace {

RuleError error_of(std::string_view text) {
    auto parsed = Rule::parse(text);
    if (parsed) FAIL("accepted: " << text);
    return parsed.error();
}

/// The error as an operator sees it.
std::string shown(std::string_view text) {
    return render(error_of(text), text);
}

struct Case {
    const char* rule;
    const char* marked;  // the carets under the rule
    const char* message;
    const char* hint;
};

}  // namespace

TEST_CASE("rule error: says what is wrong, where, and what to write", "[rule][error]") {
    const Case cases[] = {
        {"", "^", "the rule is empty", "write for example HostSNI(`shop.example`)"},
        {"   ", "   ^", "the rule is empty", "write for example HostSNI(`shop.example`)"},
        {"HostSNI('shop.example')",
         "        ^~~~~~~~~~~~~~",
         "single quotes do not quote a value",
         "use backticks: `shop.example`"},
        {"HostSNI('shop.example)",
         "        ^",
         "single quotes do not quote a value",
         "use backticks: `name`"},
        {"HostSNI(shop.example)",
         "        ^~~~~~~~~~~~",
         "a value must be quoted",
         "use backticks: HostSNI(`shop.example`)"},
        {"HostSNI(*)", "        ^", "a value must be quoted", "use backticks: HostSNI(`*`)"},
        {"shop.example",
         "^~~~~~~~~~~~",
         "\"shop.example\" is not a rule",
         "to match a host name write HostSNI(`shop.example`)"},
        {"`shop.example`",
         "^~~~~~~~~~~~~~",
         "a value needs a matcher in front of it",
         "write HostSNI(`shop.example`)"},
        {"HostSNI",
         "       ^",
         "HostSNI needs an argument",
         "write HostSNI(`shop.example`), or HostSNI(`*`) for every connection"},
        {"HostSNI `a.b`",
         "       ^",
         "HostSNI needs an argument",
         "write HostSNI(`shop.example`), or HostSNI(`*`) for every connection"},
        {"alpn", "    ^", "alpn needs an argument", "write ALPN(`h2`)"},
        {"HostSNI(`a.b`) and HostSNI(`c.d`)",
         "               ^~~",
         "\"and\" is not an operator",
         "write &&"},
        {"HostSNI(`a.b`) OR HostSNI(`c.d`)",
         "               ^~",
         "\"OR\" is not an operator",
         "write ||"},
        {"not HostSNI(`a.b`)", "^~~", "\"not\" is not an operator", "write !"},
        {"and(`a.b`)", "^~~", "\"and\" is not an operator", "write &&"},
        {"HostSNI(`a.b`) & HostSNI(`c.d`)",
         "               ^",
         "'&' is not an operator",
         "write && for \"and\""},
        {"HostSNI(`a.b`) | HostSNI(`c.d`)",
         "               ^",
         "'|' is not an operator",
         "write || for \"or\""},
        {"HostSNI(`a.b`) &&& HostSNI(`c.d`)",
         "                 ^",
         "'&' is not an operator",
         "write && for \"and\""},
        {"HostSNI == `a.b`",
         "        ^~",
         "'==' is not an operator",
         "to match a name write HostSNI(`name`)"},
        {"HostSNI != `a.b`",
         "        ^~",
         "'!=' is not an operator",
         "to exclude a name write !HostSNI(`name`)"},
        {"HostSNI(`a.b`) = 1",
         "               ^",
         "'=' is not an operator",
         "to match a name write HostSNI(`name`)"},
        {"HostSNI(`a.b`", "             ^", "the closing parenthesis of HostSNI is missing", ""},
        {"HostSNI(`a.b` || HostSNI(`c.d`)",
         "             ^",
         "the closing parenthesis of HostSNI is missing",
         ""},
        {"(HostSNI(`a.b`)", "               ^", "a closing parenthesis is missing", ""},
        {"(HostSNI(`a.b`) HostSNI(`c.d`))",
         "                ^~~~~~~",
         "an operator is missing in front of this",
         "write && or ||"},
        {"HostSNI(`a.b`))", "              ^", "this parenthesis closes nothing", ""},
        {")", "^", "this parenthesis closes nothing", ""},
        {"()", " ^", "nothing stands between these parentheses", ""},
        {"(HostSNI(`a.b`) ||)",
         "                  ^",
         "a matcher is missing in front of this parenthesis",
         ""},
        {"HostSNI(`a.b) || HostSNI(c.d)",
         "        ^",
         "the backtick opened here is never closed",
         ""},
        {"HostSNI(\"a.b)",
         "        ^",
         "the double quote opened here is never closed on its line",
         ""},
        {"HostSNI()",
         "        ^",
         "HostSNI needs a host name",
         "write HostSNI(`shop.example`), or HostSNI(`*`) for every connection"},
        {"HostSNI(``)",
         "        ^~",
         "HostSNI needs a host name",
         "write HostSNI(`shop.example`), or HostSNI(`*`) for every connection"},
        {"HostSNI(", "        ^", "the argument of HostSNI is missing", ""},
        {"HostSNI(!`a.b`)", "        ^", "HostSNI needs a host name in backticks", ""},
        {"HostSNI(`a.b`, `c.d`)",
         "             ^",
         "HostSNI takes one name",
         "join them with ||: HostSNI(`a.b`) || HostSNI(`c.d`)"},
        {"HostSNI(`a.b`,)",
         "             ^",
         "HostSNI takes one name",
         "join them with ||: HostSNI(`a.b`) || HostSNI(...)"},
        {"HostSNI(`a.b`), HostSNI(`c.d`)", "              ^", "a comma joins nothing", "write ||"},
        {"HostSNI(`*.*.x`)",
         "           ^",
         "'*' can only be the whole first label, once",
         "`*.shop.example` stands for exactly one label in front of shop.example"},
        {"HostSNI(`foo.*.x`)",
         "             ^",
         "'*' can only be the whole first label, once",
         "`*.shop.example` stands for exactly one label in front of shop.example"},
        {"HostSNI(`*foo.com`)",
         "         ^",
         "'*' can only be the whole first label, once",
         "`*.shop.example` stands for exactly one label in front of shop.example"},
        {"HostSNI(`**`)",
         "         ^",
         "'*' can only be the whole first label, once",
         "`*.shop.example` stands for exactly one label in front of shop.example"},
        {"HostSNI(`\u2603.com`)",
         "         ^~~~~",
         "this is no international host name: string contains a disallowed character",
         "if it exists nevertheless, write it in its xn-- form"},
        {"HostSNI(`-\u00fc.example`)",
         "         ^~~~~~~~~~",
         "this is no international host name: string start/ends with forbidden hyphen",
         "if it exists nevertheless, write it in its xn-- form"},
        {"HostSNI(`b\u00fccher.example:443`)",
         "                       ^~~~",
         "a host name holds no port",
         "leave it out: the entry point decides the port"},
        {"HostSNI(`a.b`) ||", "               ^~", "nothing follows this operator", ""},
        {"HostSNI(`a.b`) && ", "               ^~", "nothing follows this operator", ""},
        {"!", "^", "nothing follows this operator", ""},
        {"|| HostSNI(`a.b`)", "^~", "a matcher is missing in front of this operator", ""},
        {"HostSNI(`a.b`) || && HostSNI(`c.d`)",
         "                  ^~",
         "a matcher is missing in front of this operator",
         ""},
        {"HostSNI(`127.0.0.1`)",
         "         ^~~~~~~~~",
         "an address is never sent as server name, so this could not match",
         "use HostSNI(`*`) on an entry point that listens where these clients connect"},
        {"HostSNI(`10::10`)",
         "         ^~~~~~",
         "an address is never sent as server name, so this could not match",
         "use HostSNI(`*`) on an entry point that listens where these clients connect"},
        {"HostSNI(`[::1]`)",
         "         ^~~~~",
         "an address is never sent as server name, so this could not match",
         "use HostSNI(`*`) on an entry point that listens where these clients connect"},
        {"HostSNI(`shop.example:443`)",
         "                     ^~~~",
         "a host name holds no port",
         "leave it out: the entry point decides the port"},
        {"HostSNI(`shop.example/cart`)",
         "                     ^~~~~",
         "a host name holds no path",
         "TCP routing sees the server name only"},
        {"HostSNI(`https://shop.example/`)",
         "         ^~~~~~~~~~~~~~~~~~~~~",
         "HostSNI takes a host name, not a URL",
         "write the host name alone"},
        {"HostSNI(` shop.example`)",
         "         ^",
         "a host name is made of letters, digits, '-', '_' and '.'",
         ""},
        {"HostSNI(`shop..example`)",
         "         ^~~~~~~~~~~~~",
         "\"shop..example\" is not a host name: an empty label",
         ""},
        {"HostSNI(`-a.example`)",
         "         ^~~~~~~~~~",
         "\"-a.example\" is not a host name: a label that starts or ends with '-'",
         ""},
        {"HostSNI(`*.`)", "         ^~", "\"\" is not a host name: it is empty", ""},
        {R"(HostSNI("a\x20b"))",
         "        ^~~~~~~~",
         "a host name is made of letters, digits, '-', '_' and '.'",
         ""},
        {R"(HostSNI("a\qb"))",
         "          ^~",
         "unknown escape sequence",
         "write \\\\ for a backslash, or use backticks, which know no escapes"},
        {R"(HostSNI("a\'b"))",
         "          ^~",
         "unknown escape sequence",
         "write \\\\ for a backslash, or use backticks, which know no escapes"},
        {R"(HostSNI("a\xZZ"))",
         "          ^~~~",
         "this escape sequence stands for no character",
         ""},
        {R"(HostSNI("a\x-1"))",
         "          ^~~~",
         "this escape sequence stands for no character",
         ""},
        {R"(HostSNI("a\777"))",
         "          ^~~~",
         "this escape sequence stands for no character",
         ""},
        {R"(HostSNI("a\ud800"))",
         "          ^~~~~~",
         "this escape sequence stands for no character",
         ""},
        {"Host()",
         "     ^",
         "Host needs a host name",
         "write HostSNI(`shop.example`), or HostSNI(`*`) for every connection"},
        {"HostSNIRegexp(``)",
         "              ^~",
         "HostSNIRegexp needs a regular expression",
         "write HostSNIRegexp(`^[a-z]+\\.shop\\.example$`)"},
        {"HostSNIRegexp(`(example.com`)",
         "               ^~~~~~~~~~~~",
         "a ')' is missing in the regular expression",
         "write \\( for a parenthesis"},
        {"HostSNIRegexp(`a.b` || HostSNI(`c.d`)",
         "                   ^",
         "the closing parenthesis of HostSNIRegexp is missing",
         ""},
        {"HostSNIRegexp(`*.shop.example`)",
         "               ^",
         "nothing stands before this to be repeated",
         "any text is .*; a wildcard is HostSNI(`*.shop.example`)"},
        {"HostSNIRegexp(`[a-`)", "               ^~~", "the '[' opened here is never closed", ""},
        {"HostSNIRegexp(`[z-a]`)",
         "                ^~~",
         "this character class has no meaning",
         ""},
        {"HostSNIRegexp(`(a)\\1`)",
         "                  ^~",
         "this escape has no meaning in a regular expression",
         "write \\. for a dot; RE2 knows no back-references"},
        {"HostSNIRegexp(`^(?!a)b$`)",
         "                ^~~",
         "this group has no meaning",
         "RE2, as Traefik's regular expressions, knows no look-ahead and look-behind"},
        {"HostSNIRegexp(`x{1001}`)",
         "                ^~~~~~",
         "this repetition is not one of at most 1000",
         ""},
        {"HostSNIRegexp(\"a\\\\\")",
         "              ^~~~~",
         "the regular expression ends in the middle of an escape",
         ""},
        {"HostSNIRegexp(`\xF0\x9F\xA6\xAD.com`)",
         "               ^",
         "a regular expression for host names is ASCII: clients send international names as "
         "A-labels",
         "write the A-label, xn--...; `idn2 NAME` prints it"},
        {"HostSNIRegexp(a)",
         "              ^",
         "a value must be quoted",
         "use backticks: HostSNIRegexp(`a`)"},
        {"ClientIP(`invalid`)",
         "          ^~~~~~~",
         "\"invalid\" is no address or network: it is not an IP address",
         "write ClientIP(`192.0.2.7`) or ClientIP(`192.0.2.0/24`)"},
        {"ClientIP(``)",
         "         ^~",
         "ClientIP needs an address or a network",
         "write ClientIP(`192.0.2.7`) or ClientIP(`192.0.2.0/24`)"},
        {"ClientIP(`10.0.0.0/33`)",
         "          ^~~~~~~~~~~",
         "\"10.0.0.0/33\" is no address or network: its prefix length is not a number from 0 to 32",
         "write ClientIP(`192.0.2.7`) or ClientIP(`192.0.2.0/24`)"},
        {"ClientIP(10.0.0.0/8)",
         "         ^~~~~~~~~~",
         "a value must be quoted",
         "use backticks: ClientIP(`10.0.0.0/8`)"},
        {"ClientIP(`10.0.0.1`, `10.0.0.2`)",
         "                   ^",
         "ClientIP takes one address or network",
         "join them with ||: ClientIP(`10.0.0.1`) || ClientIP(`10.0.0.2`)"},
        {"ALPN(`h2`, `mqtt`)",
         "         ^",
         "ALPN takes one protocol",
         "join them with ||: ALPN(`h2`) || ALPN(`mqtt`)"},
        {"ALPN()", "     ^", "ALPN needs a protocol", "write ALPN(`h2`)"},
        {"ALPN(`acme-tls/1`)",
         "      ^~~~~~~~~~",
         "acme-tls/1 is how a CA validates a name: no rule routes it",
         "leave it out; a router with passthrough gets it for its names in any case"},
        {"PathPrefix(`/api`)",
         "^~~~~~~~~~",
         "PathPrefix is an HTTP matcher: TCP routing sees no requests",
         "match the server name with HostSNI(`shop.example`)"},
        {"HostSNI(`a.b`) && method(`GET`)",
         "                  ^~~~~~",
         "Method is an HTTP matcher: TCP routing sees no requests",
         "match the server name with HostSNI(`shop.example`)"},
        {"HostRegex(`a.b`)",
         "^~~~~~~~~",
         "unknown matcher \"HostRegex\"",
         "there are HostSNI, HostSNIRegexp, ClientIP and ALPN"},
        {"ClientsIP(`a.b`)",
         "^~~~~~~~~",
         "unknown matcher \"ClientsIP\"",
         "did you mean ClientIP?"},
        {"HotsSNI(`a.b`)", "^~~~~~~", "unknown matcher \"HotsSNI\"", "did you mean HostSNI?"},
        {"WrongRule(`x`)",
         "^~~~~~~~~",
         "unknown matcher \"WrongRule\"",
         "there are HostSNI, HostSNIRegexp, ClientIP and ALPN"},
        {"HostSNI(\xE2\x80\x9C"
         "a.b\xE2\x80\x9D)",
         "        ^",
         "a typographic quote has no meaning in a rule",
         "quote values with backticks: HostSNI(`shop.example`)"},
        {"HostSNI(`a.b`)\xC2\xA0|| HostSNI(`c.d`)",
         "              ^",
         "a no-break space has no meaning in a rule",
         "replace it with a plain space"},
        {"HostSNI(`a.b`) {",
         "               ^",
         "unexpected character '{'",
         "a rule is made of matchers such as HostSNI(`name`), &&, ||, ! and parentheses"},
        {"HostSNI(`a.b`) \x01",
         "               ^",
         "unexpected control character",
         "a rule is made of matchers such as HostSNI(`name`), &&, ||, ! and parentheses"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.rule);
        std::string line = c.rule;
        for (char& byte : line)
            if (byte == '\x01') byte = '?';
        std::string expected =
            std::string(c.message) + "\n    " + line + "\n    " + c.marked + "\n";
        if (*c.hint != '\0') expected += std::string("hint: ") + c.hint + "\n";
        CHECK(shown(c.rule) == expected);
    }
}

TEST_CASE("rule error: shows the line of a rule of several lines", "[rule][error]") {
    CHECK(shown("HostSNI(`a.b`) ||\n  HostSNI(`c d`) ||\n  HostSNI(`e.f`)") ==
          "a host name is made of letters, digits, '-', '_' and '.'\n"
          "      HostSNI(`c d`) ||\n"
          "                ^\n");
    CHECK(shown("HostSNI(`a.b`) ||\n") ==
          "nothing follows this operator\n"
          "    HostSNI(`a.b`) ||\n"
          "                   ^~\n");
}

TEST_CASE("rule error: cuts a long line around the mistake", "[rule][error]") {
    std::string text;
    for (int i = 0; i < 40; ++i) text += "HostSNI(`shop.example`) || ";
    const std::size_t place = text.size();
    text += "Hots(`a.b`)";
    for (int i = 0; i < 40; ++i) text += " || HostSNI(`shop.example`)";

    const RuleError error = error_of(text);
    CHECK(error.offset == place);
    CHECK(error.length == 4);
    const std::string out = render(error, text);
    const std::size_t line = out.find('\n') + 1;
    const std::size_t carets = out.find('\n', line) + 1;
    CHECK(out.substr(line).starts_with("    ..."));
    CHECK(carets - line < 130);
    // The caret stands under the word.
    CHECK(out[line + (out.find('^') - carets)] == 'H');
    CHECK(out.substr(line + (out.find('^') - carets)).starts_with("Hots"));
}

TEST_CASE("rule error: control bytes never reach the terminal", "[rule][error]") {
    const std::string text = "HostSNI(`\x1B[2J`) \xC2\x9B\x7F";

    const std::string out = shown(text);
    for (const char c : out) CHECK((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
    CHECK(out.find('\x7F') == std::string::npos);
    CHECK(out.find("\xC2\x9B") == std::string::npos);
}

TEST_CASE("rule error: rendering survives places outside of the text", "[rule][error]") {
    CHECK(render({100, 100, "m", ""}, "abc") == "m\n    abc\n       ^\n");
    CHECK(render({0, ~std::size_t{0}, "m", ""}, "abc") == "m\n    abc\n    ^~~\n");
    CHECK(render({0, 0, "m", ""}, "") == "m\n    \n    ^\n");
}

TEST_CASE("rule error: a quoted word is cut and printable", "[rule][error]") {
    CHECK(excerpt("abc", 3) == "abc");
    CHECK(excerpt("abcd", 3) == "abc...");
    CHECK(excerpt("a\nb\x80") == "a?b?");
    CHECK(error_of(std::string(5000, 'x') + "(`a`)").message.size() < 100);
}
