#include "config/substitution.hpp"

#include "support/catch.hpp"
#include "temporary_folder.hpp"

using mesh::config::substitute;
using mesh::config::Substituted;
using Trouble = Substituted::Trouble;

namespace {

std::optional<std::string> environment(std::string_view name) {
    if (name == "NAME") return "value";
    if (name == "DOLLAR") return "a${NAME}b";
    if (name == "EMPTY") return "";
    return std::nullopt;
}

Substituted run(std::string_view text) {
    return substitute(text, environment, "/nonexistent");
}

}  // namespace

TEST_CASE("substitution: what the forms stand for", "[config][substitution]") {
    struct Row {
        const char* text;
        const char* result;
    };
    const Row rows[] = {
        {"", ""},
        {"plain", "plain"},
        {"${NAME}", "value"},
        {"a ${NAME} b ${NAME}", "a value b value"},
        {"${EMPTY}", ""},
        {"${NAME:-other}", "value"},
        {"${EMPTY:-other}", "other"},
        {"${UNSET:-other}", "other"},
        {"${UNSET:-}", ""},
        {"${UNSET:-a:-b}", "a:-b"},
        {"${UNSET:-${NAME}", "${NAME"},
        {"$${NAME}", "${NAME}"},
        {"$$${NAME}", "$${NAME}"},
        {"$", "$"},
        {"$NAME", "$NAME"},
        {"cost: 5$", "cost: 5$"},
        {"$$", "$$"},
        {"^a$|b", "^a$|b"},
        {"${DOLLAR}", "a${NAME}b"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const Substituted result = run(row.text);
        CHECK(result.trouble == Trouble::none);
        CHECK(result.text == row.result);
    }
}

TEST_CASE("substitution: knows what came from outside", "[config][substitution]") {
    CHECK_FALSE(run("plain $${NAME} $x").replaced);
    CHECK(run("a${NAME}").replaced);
    CHECK(run("${UNSET:-default}").replaced);
}

TEST_CASE("substitution: an unset variable is named, its neighbours are not shown",
          "[config][substitution]") {
    const Substituted result = run("${NAME}${UNSET}${OTHER}");

    CHECK(result.trouble == Trouble::unset);
    CHECK(result.message == "the environment variable UNSET is not set");
}

TEST_CASE("substitution: malformed forms are refused", "[config][substitution]") {
    for (const char* text :
         {"${", "${NAME", "${}", "${ NAME}", "${1}", "${A-B}", "${a.b}", "${:-x}"}) {
        CAPTURE(text);
        CHECK(run(text).trouble == Trouble::malformed);
    }
}

TEST_CASE("substitution: a file's content without its last line break", "[config][substitution]") {
    const mesh::test::TemporaryFolder folder;
    folder.write("one", "secret\n");
    folder.write("two", "a\nb\n\n");
    folder.write("none", "");
    const auto content = [&](const std::string& text) {
        const Substituted result = substitute(text, environment, folder.path());
        CHECK(result.trouble == Trouble::none);
        CHECK(result.replaced);
        return result.text;
    };

    CHECK(content("${file:one}") == "secret");
    CHECK(content("<${file:" + folder.path() + "/one}>") == "<secret>");
    CHECK(content("${file:two}") == "a\nb\n");
    CHECK(content("${file:none}").empty());
}

TEST_CASE("substitution: files that cannot be read", "[config][substitution]") {
    const mesh::test::TemporaryFolder folder;
    folder.write("large", std::string(mesh::config::substituted_file_size_max + 1, 'x'));
    folder.make_pipe("pipe");

    for (const char* text :
         {"${file:missing}", "${file:}", "${file:.}", "${file:large}", "${file:pipe}"}) {
        CAPTURE(text);
        CHECK(substitute(text, environment, folder.path()).trouble == Trouble::unreadable);
    }
}
