// What is kept of very many findings.
#include "config/problems.hpp"

#include "config/codes.hpp"
#include "support/catch.hpp"

#include <algorithm>

using namespace mesh::config;

namespace {

mesh::model::Location line(int number) {
    mesh::model::Location at;
    at.file = std::make_shared<const std::string>("f.yaml");
    at.line = number;
    return at;
}

std::size_t count(const std::vector<Finding>& findings, Severity severity) {
    return static_cast<std::size_t>(
        std::count_if(findings.begin(), findings.end(), [&](const Finding& f) {
            return f.severity == severity;
        }));
}

}  // namespace

TEST_CASE("problems: notes and warnings hide no error", "[config][problems]") {
    Problems problems;
    for (int i = 1; i <= 1'500; ++i) problems.note(codes::empty_section, line(i), "a note");
    for (int i = 1; i <= 1'500; ++i) problems.warning(codes::ignored, line(i), "a warning");
    problems.error(codes::bad_value, line(9'000), "the error");
    CHECK_FALSE(problems.hides_errors());
    CHECK(problems.errors() == 1);
    CHECK(problems.warnings() == 1'500);
    const auto shown = problems.take();
    REQUIRE(shown.size() == 1'001);
    CHECK(shown[999].message == "the error");
    CHECK(shown.back().message == "2001 more findings are not shown");
    CHECK(shown.back().severity == Severity::warning);
}

TEST_CASE("problems: warnings come before notes where there is no room for both",
          "[config][problems]") {
    Problems problems;
    for (int i = 1; i <= 1'500; ++i) problems.note(codes::empty_section, line(i), "a note");
    problems.warning(codes::ignored, line(9'000), "the warning");
    CHECK(count(problems.take(), Severity::warning) == 2);
}

TEST_CASE("problems: errors that are held are not all shown", "[config][problems]") {
    Problems problems(3'000);
    for (int i = 1; i <= 2'000; ++i) problems.error(codes::bad_value, line(i), "an error");
    CHECK_FALSE(problems.hides_errors());
    SECTION("for people") {
        const auto shown = problems.take();
        REQUIRE(shown.size() == 1'001);
        CHECK(shown.back().severity == Severity::error);
        CHECK(shown.back().message == "1000 more findings are not shown");
    }
    SECTION("for who has to know all") {
        CHECK(problems.take_held().size() == 2'000);
    }
    SECTION("more than are held") {
        for (int i = 2'001; i <= 3'001; ++i) problems.error(codes::bad_value, line(i), "an error");
        CHECK(problems.hides_errors());
        CHECK(problems.errors() == 3'001);
        CHECK(problems.take().back().message == "2001 more findings are not shown");
    }
}
