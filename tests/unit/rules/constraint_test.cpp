#include "rules/constraint.hpp"

#include "rules/token_reader.hpp"
#include "support/catch.hpp"

#include <vector>

namespace {

using mesh::rules::Constraint;
using mesh::rules::RuleError;
using Labels = std::vector<std::pair<std::string, std::string>>;
using Tags = std::vector<std::string>;

bool by_labels(const std::string& text, const Labels& labels) {
    CAPTURE(text);
    const auto constraint = Constraint::parse(text, Constraint::Of::labels);
    REQUIRE(constraint.has_value());
    CHECK(constraint->text() == text);
    return constraint->matches_labels(labels);
}

bool by_tags(const std::string& text, const Tags& tags) {
    CAPTURE(text);
    const auto constraint = Constraint::parse(text, Constraint::Of::tags);
    REQUIRE(constraint.has_value());
    return constraint->matches_tags(tags);
}

const Labels web{{"tier", "web"}, {"mesh.enable", "true"}, {"empty", ""}, {"city", "Z\u00fcrich"}};

TEST_CASE("constraint: Label compares one label's value, all of it") {
    CHECK(by_labels("Label(`tier`, `web`)", web));
    CHECK(by_labels("Label(`mesh.enable`,`true`)", web));
    CHECK(by_labels("Label(\"tier\", \"web\")", web));
    CHECK(by_labels("lAbEL(`tier`, `web`)", web));
    CHECK_FALSE(by_labels("Label(`tier`, `we`)", web));
    CHECK_FALSE(by_labels("Label(`tier`, `Web`)", web));
    CHECK_FALSE(by_labels("Label(`Tier`, `web`)", web));
    CHECK_FALSE(by_labels("Label(`tier`, `web`)", {}));
}

TEST_CASE("constraint: LabelRegex matches anywhere in one label's value") {
    CHECK(by_labels("LabelRegex(`tier`, `e`)", web));
    CHECK(by_labels("LABELREGEX(`tier`, `^w.b$`)", web));
    CHECK_FALSE(by_labels("LabelRegex(`tier`, `^e`)", web));
    CHECK_FALSE(by_labels("LabelRegex(`other`, `e`)", web));
    CHECK(by_labels("LabelRegex(`city`, `^Z.rich$`)", web));
    CHECK(by_labels("LabelRegex(`city`, `^Z\u00fcr`)", web));
}

TEST_CASE("constraint: a label that is missing has the empty value") {
    CHECK(by_labels("Label(`none`, ``)", web));
    CHECK(by_labels("Label(`empty`, ``)", web));
    CHECK_FALSE(by_labels("Label(`tier`, ``)", web));
    CHECK(by_labels("LabelRegex(`none`, `^$`)", web));
    CHECK_FALSE(by_labels("LabelRegex(`none`, `.`)", web));
    CHECK(by_labels("!Label(`none`, `x`)", web));
}

TEST_CASE("constraint: Tag and TagRegex look for any one tag") {
    const Tags tags{"public", "mesh.enable=true", "v1.2"};
    CHECK(by_tags("Tag(`public`)", tags));
    CHECK(by_tags("tag(`mesh.enable=true`)", tags));
    CHECK_FALSE(by_tags("Tag(`Public`)", tags));
    CHECK_FALSE(by_tags("Tag(`pub`)", tags));
    CHECK(by_tags("TagRegex(`^v\\d`)", tags));
    CHECK(by_tags("tagRegex(`enable`)", tags));
    CHECK_FALSE(by_tags("TagRegex(`^enable`)", tags));
    CHECK_FALSE(by_tags("Tag(`public`)", {}));
    CHECK_FALSE(by_tags("TagRegex(`.*`)", {}));
    CHECK(by_tags("!TagRegex(`.*`)", {}));
}

TEST_CASE("constraint: && binds closer than ||, ! closest, parentheses first") {
    for (int bits = 0; bits < 8; ++bits) {
        const bool a = (bits & 1) != 0;
        const bool b = (bits & 2) != 0;
        const bool c = (bits & 4) != 0;
        CAPTURE(a, b, c);
        Tags tags;
        if (a) tags.emplace_back("a");
        if (b) tags.emplace_back("b");
        if (c) tags.emplace_back("c");
        CHECK(by_tags("Tag(`a`) || Tag(`b`) && Tag(`c`)", tags) == (a || (b && c)));
        CHECK(by_tags("Tag(`a`) && Tag(`b`) || Tag(`c`)", tags) == ((a && b) || c));
        CHECK(by_tags("(Tag(`a`) || Tag(`b`)) && Tag(`c`)", tags) == ((a || b) && c));
        CHECK(by_tags("!Tag(`a`) && Tag(`b`)", tags) == (!a && b));
        CHECK(by_tags("!(Tag(`a`) && Tag(`b`)) || Tag(`c`)", tags) == (!(a && b) || c));
        CHECK(by_tags("!(Tag(`a`) ||\n\tTag(`b`) || !Tag(`c`))", tags) == !(a || b || !c));
        CHECK(by_tags("!!Tag(`a`)", tags) == a);
        CHECK(by_tags("!(!(Tag(`a`)))", tags) == a);
    }
}

TEST_CASE("constraint: what is wrong, where, and what to write") {
    constexpr auto labels = Constraint::Of::labels;
    constexpr auto tags = Constraint::Of::tags;
    struct Case {
        Constraint::Of of;
        std::string text;
        std::string marked;  ///< the part of the text the error is about
        std::string message;
        std::string hint;
    };
    const Case cases[] = {
        {labels, "", "", "the constraint is empty", "write for example Label(`key`, `value`)"},
        {tags, " \n", "", "the constraint is empty", "write for example Tag(`tag`)"},
        {labels,
         "Tag(`a`)",
         "Tag",
         "Tag is about tags: containers have labels",
         "write Label(`key`, `value`)"},
        {labels,
         "TagRegex(`a`)",
         "TagRegex",
         "TagRegex is about tags: containers have labels",
         "write LabelRegex(`key`, `^[a-z]+$`)"},
        {tags,
         "Tag(`a`) && label(`a`, `b`)",
         "label",
         "Label is about labels: services have tags",
         "write Tag(`tag`)"},
        {tags,
         "LabelRegex(`a`, `b`)",
         "LabelRegex",
         "LabelRegex is about labels: services have tags",
         "write TagRegex(`^[a-z]+$`)"},
        {labels,
         "Lable(`a`, `b`)",
         "Lable",
         "\"Lable\" is no matcher of a constraint",
         "did you mean Label?"},
        {labels,
         "Wxyz(`a`, `b`)",
         "Wxyz",
         "\"Wxyz\" is no matcher of a constraint",
         "there are Label and LabelRegex"},
        {tags,
         "HostSNI(`a.b`)",
         "HostSNI",
         "\"HostSNI\" is no matcher of a constraint, but of a router's rule",
         "write Tag(`tag`)"},
        {labels, "Label(`a`)", ")", "Label needs a key and a value", "write Label(`key`, `value`)"},
        {labels, "Label()", ")", "Label needs a key and a value", "write Label(`key`, `value`)"},
        {labels,
         "Label(`a`,)",
         ")",
         "a value is missing behind the comma",
         "write Label(`key`, `value`)"},
        {labels,
         "Label(`a`, `b`, `c`)",
         "`c`",
         "Label takes a key and a value, nothing more",
         "join them with ||: Label(`a`, `b`) || Label(`a`, `c`)"},
        {tags,
         "Tag(`a`, `b`)",
         "`b`",
         "Tag takes a tag, nothing more",
         "join them with ||: Tag(`a`) || Tag(`b`)"},
        {tags, "Tag(a)", "a", "a value must be quoted", "use backticks: `a`"},
        {tags, "Tag('a')", "'a'", "single quotes do not quote a value", "use backticks: `a`"},
        {tags, "Tag(``)", "``", "Tag needs a tag", "write Tag(`tag`)"},
        {tags,
         "TagRegex(``)",
         "``",
         "TagRegex needs a regular expression",
         "write TagRegex(`^[a-z]+$`)"},
        {labels,
         "Label(``, `b`)",
         "``",
         "Label needs a key and a value",
         "write Label(`key`, `value`)"},
        {tags, "Tag", "", "Tag needs an argument", "write Tag(`tag`)"},
        {tags, "Tag(`a`", "", "the closing parenthesis of Tag is missing", ""},
        {tags, "Tag(", "", "the argument of Tag is missing", ""},
        {tags, "(Tag(`a`)", "", "a closing parenthesis is missing", ""},
        {tags, "Tag(`a`))", ")", "this parenthesis closes nothing", ""},
        {tags, "()", ")", "nothing stands between these parentheses", ""},
        {tags, "Tag(`a`) &&", "&&", "nothing follows this operator", ""},
        {tags, "Tag(`a`) and Tag(`b`)", "and", "\"and\" is not an operator", "write &&"},
        {tags,
         "Tag(`a`) Tag(`b`)",
         "Tag",
         "an operator is missing in front of this",
         "write && or ||"},
        {tags, "`a`", "`a`", "a value needs a matcher in front of it", "write Tag(`a`)"},
        {labels, "`a`", "`a`", "a value needs a matcher in front of it", "write Label(`key`, `a`)"},
        // As version 1 of Traefik had them.
        {tags, "tag==public", "==", "'==' is not an operator", "to match a tag write Tag(`tag`)"},
        {labels,
         "tier != web",
         "!=",
         "'!=' is not an operator",
         "to exclude a value write !Label(`key`, `value`)"},
        {labels, "LabelRegex(`a`, `x[a-`)", "[a-", "the '[' opened here is never closed", ""},
        {tags,
         "TagRegex(`(?=x)`)",
         "(?=",
         "this group has no meaning",
         "RE2, as Traefik's regular expressions, knows no look-ahead and look-behind"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.text);
        const auto constraint = Constraint::parse(c.text, c.of);
        REQUIRE_FALSE(constraint.has_value());
        const RuleError& error = constraint.error();
        CHECK(error.message == c.message);
        CHECK(error.hint == c.hint);
        CHECK(c.text.substr(error.offset, error.length) == c.marked);
    }
}

TEST_CASE("constraint: a mistake is placed at its own occurrence") {
    const std::string text = "Tag(`a`) || Tag(`b`) || Tga(`c`)";
    const auto constraint = Constraint::parse(text, Constraint::Of::tags);
    REQUIRE(constraint.has_error());
    CHECK(constraint.error().offset == text.find("Tga"));
}

TEST_CASE("constraint: the bounds are those of a rule") {
    const auto parses = [](const std::string& text) {
        return Constraint::parse(text, Constraint::Of::tags).has_value();
    };
    const auto nested = [](int levels) {
        const auto count = static_cast<std::size_t>(levels);
        return std::string(count, '(') + "Tag(`a`)" + std::string(count, ')');
    };
    CHECK(parses(nested(mesh::rules::rule_depth_max)));
    CHECK_FALSE(parses(nested(mesh::rules::rule_depth_max + 1)));
    CHECK_FALSE(parses(std::string(mesh::rules::rule_depth_max + 1, '!') + "Tag(`a`)"));
    std::string text = "Tag(`a`)";
    text.append(mesh::rules::rule_size_max - text.size(), ' ');
    CHECK(parses(text));
    const auto longer = Constraint::parse(text + ' ', Constraint::Of::tags);
    REQUIRE(longer.has_error());
    CHECK(longer.error().message == "the constraint is longer than 65536 bytes");
    CHECK_FALSE(parses("TagRegex(`" + std::string(1025, 'a') + "`)"));
    CHECK_FALSE(parses("TagRegex(`((a{100}){100}){100}`)"));
}

TEST_CASE("constraint: equal text is an equal constraint") {
    const auto parsed = [](const char* text) {
        return Constraint::parse(text, Constraint::Of::tags).value();
    };
    CHECK(parsed("Tag(`a`)") == parsed("Tag(`a`)"));
    CHECK_FALSE(parsed("Tag(`a`)") == parsed("Tag(`b`)"));
}

}  // namespace
