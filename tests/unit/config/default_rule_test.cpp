#include "config/default_rule.hpp"

#include "config/normalized_name.hpp"
#include "support/catch.hpp"

#include <vector>

namespace mesh::config {
namespace {

const std::vector<std::pair<std::string, std::string>> default_rule_labels{
    {"host", "shop.example"},
    {"com.docker.compose.service", "web_1"},
    {"backtick", "a`) || HostSNI(`*"},
    {"quote", "a\") || HostSNI(\"*"},
    {"backslash", "a\\"},
    {"line", "a\nb"},
    {"turned", "a\u202eb"},
    {"bytes", "a\xff"},
    {"empty", ""},
    {"dashes", "--"},
    {"large", std::string(40'000, 'a')},
};
const DefaultRuleFacts default_rule_facts{"shop_web", "shop_web_1", default_rule_labels};

std::string expanded(std::string_view rule) {
    CAPTURE(rule);
    CHECK(check_default_rule(rule).has_value());
    const auto result = expand_default_rule(rule, default_rule_facts);
    REQUIRE(result.has_value());
    return *result;
}

TEST_CASE("default rule: names and labels are filled in") {
    CHECK(expanded("HostSNI(`*`)") == "HostSNI(`*`)");
    CHECK(expanded("") == "");
    CHECK(expanded("HostSNI(`{{ .Name }}.example`)") == "HostSNI(`shop_web.example`)");
    CHECK(expanded("HostSNI(`{{.ContainerName}}.example`)") == "HostSNI(`shop_web_1.example`)");
    CHECK(expanded("HostSNI(`{{normalize .Name}}.example`)") == "HostSNI(`shop-web.example`)");
    CHECK(expanded("HostSNI(`{{\tnormalize \n.ContainerName  }}.example`)") ==
          "HostSNI(`shop-web-1.example`)");
    CHECK(expanded("HostSNI(`{{ .Name|normalize }}`)") == "HostSNI(`shop-web`)");
    CHECK(expanded("HostSNI(`{{ index .Labels \"host\" }}`)") == "HostSNI(`shop.example`)");
    CHECK(expanded("HostSNI(\"{{ index .Labels `host` }}\")") == "HostSNI(\"shop.example\")");
    CHECK(expanded("HostSNI(`{{ index .Labels \"com.docker.compose.service\" | normalize }}.x`)") ==
          "HostSNI(`web-1.x`)");
    CHECK(
        expanded("HostSNI(`{{ .Name }}.{{ index .Labels \"host\" }}`) || HostSNI(`{{ .Name }}`)") ==
        "HostSNI(`shop_web.shop.example`) || HostSNI(`shop_web`)");
    CHECK(expanded("HostSNIRegexp(`^[a-z]{2}$`) && HostSNI(\"\\\"{{ .Name }}\")") ==
          "HostSNIRegexp(`^[a-z]{2}$`) && HostSNI(\"\\\"shop_web\")");
}

TEST_CASE("default rule: what mesh cannot fill in is an error before there is a container") {
    const std::string known =
        " is not known in a default rule: there are {{ .Name }}, {{ .ContainerName }}, "
        "{{ normalize .Name }}, {{ normalize .ContainerName }} and {{ index .Labels \"key\" }}";
    for (const std::string action : {"{{ .name }}",
                                     "{{ Name }}",
                                     "{{}}",
                                     "{{ | }}",
                                     "{{ | normalize }}",
                                     "{{ .Labels.host }}",
                                     "{{ index .Labels }}",
                                     "{{ index .Labels host }}",
                                     "{{ index .Labels \"\" }}",
                                     "{{ index .Labels \"a }}",
                                     "{{ index .Labels \"a\\n\" }}",
                                     "{{ if .Name }}",
                                     "{{- .Name -}}",
                                     "{{ .Name | upper }}",
                                     "{{ normalize .Name .Name }}",
                                     "{{ {{ .Name }}"}) {
        CAPTURE(action);
        const auto status = check_default_rule("HostSNI(`" + action + ".example`)");
        REQUIRE(status.has_error());
        CHECK(status.error().code == Errc::invalid);
        CHECK(status.error().origin == Origin::config);
        CHECK(status.error().message == '"' + action + '"' + known);
        CHECK(expand_default_rule("HostSNI(`" + action + ".example`)", default_rule_facts)
                  .has_error());
    }
    CHECK(check_default_rule("HostSNI(`{{ .Name`)").error().message ==
          "\"{{\" in the default rule is never closed");
}

TEST_CASE("default rule: values stand in literals only") {
    for (const std::string rule : {"{{ .Name }}",
                                   "HostSNI({{ .Name }})",
                                   "HostSNI(`a`) {{ .Name }} HostSNI(`b`)",
                                   "HostSNI(\"a\\\"\") || {{ .Name }}"}) {
        CAPTURE(rule);
        const auto status = check_default_rule(rule);
        REQUIRE(status.has_error());
        CHECK(status.error().message ==
              "\"{{ .Name }}\" in the default rule must stand in backticks, as in "
              "HostSNI(`{{ normalize .Name }}.example.com`)");
    }
}

TEST_CASE("default rule: a value cannot leave its literal") {
    for (const std::string key : {"backtick", "quote", "backslash", "line", "turned", "bytes"}) {
        CAPTURE(key);
        for (const std::string quote : {"`", "\""}) {
            const auto result = expand_default_rule(
                "HostSNI(" + quote + "{{ index .Labels `" + key + "` }}" + quote + ")",
                default_rule_facts);
            REQUIRE(result.has_error());
            CHECK(result.error().code == Errc::invalid);
            CHECK_THAT(result.error().message,
                       ContainsSubstring("cannot be put in for \"{{ index .Labels `" + key));
            CHECK(result.error().message.find_first_of("\n\xff") == std::string::npos);
        }
    }
    CHECK(expand_default_rule("HostSNI(`{{ index .Labels \"backtick\" }}`)", default_rule_facts)
              .error()
              .message ==
          "\"a`) || HostSNI(`*\" cannot be put in for \"{{ index .Labels \"backtick\" }}\" of the "
          "default rule: it has a quote, a backslash or a character that is not printable");
}

TEST_CASE("default rule: what is missing is not left out") {
    for (const std::string action : {"{{ index .Labels \"none\" }}",
                                     "{{ index .Labels \"empty\" }}",
                                     "{{ index .Labels \"dashes\" | normalize }}"}) {
        CAPTURE(action);
        const auto result =
            expand_default_rule("HostSNI(`" + action + "example.com`)", default_rule_facts);
        REQUIRE(result.has_error());
        CHECK(result.error().message ==
              "nothing to put in for \"" + action + "\" of the default rule");
    }
    CHECK(expand_default_rule("HostSNI(`{{ .ContainerName }}`)", {"db", "", {}}).has_error());
}

TEST_CASE("default rule: the rule and what becomes of it are bounded") {
    CHECK(check_default_rule(std::string(65'536, ' ')).has_value());
    CHECK(check_default_rule(std::string(65'537, ' ')).error().code == Errc::limit);
    const auto twice = expand_default_rule(
        "HostSNI(`{{ index .Labels \"large\" }}.{{ index .Labels \"large\" }}`)",
        default_rule_facts);
    REQUIRE(twice.has_error());
    CHECK(twice.error().message == "the default rule is longer than 65536 bytes");
}

TEST_CASE("normalized name: letters and digits, with single dashes between them") {
    CHECK(normalized_name("web") == "web");
    CHECK(normalized_name("/shop_Web.1") == "shop-Web-1");
    CHECK(normalized_name("a__.--b  c") == "a-b-c");
    CHECK(normalized_name("-a-") == "a");
    CHECK(normalized_name("Z\u00fcrich/1") == "Z\u00fcrich-1");
    CHECK(normalized_name("a\xff\n\u202e`b") == "a-b");
    CHECK(normalized_name("") == "");
    CHECK(normalized_name("._-") == "");
}

}  // namespace
}  // namespace mesh::config
