// What `plan` and `certs` say to people.
#include "cli/plan_text.hpp"

#include "base/time_text.hpp"
#include "cli/story.hpp"
#include "support/catch.hpp"

using namespace mesh;

TEST_CASE("plan text: one is not plural") {
    CHECK(cli::counted(0, "certificate") == "0 certificates");
    CHECK(cli::counted(1, "certificate") == "1 certificate");
    CHECK(cli::counted(20'000, "certificate") == "20000 certificates");
}

TEST_CASE("plan text: a certificate that failed says how often, when and why") {
    const WallTime now = parse_rfc3339("2026-06-01T12:00:00Z").value();
    control::PlanLine line;
    line.names = {"a.example", "b.example"};
    line.directory = "https://ca.test/dir";
    line.attempts = 1;
    line.last_error = store::LastError{"mesh:timeout", "the CA has not moved the order", now};
    const std::string once = cli::describe_line(line, now);
    CHECK(once.starts_with("a.example, b.example\n"));
    CHECK_THAT(once,
               ContainsSubstring("failed    1 time, last at 2026-06-01T12:00:00Z: mesh:timeout: "
                                 "the CA has not moved the order\n"));

    line.attempts = 3;
    CHECK_THAT(cli::describe_line(line, now), ContainsSubstring("failed    3 times, last at"));
}

TEST_CASE("plan text: the story of a certificate has its versions, newest first") {
    const WallTime now = parse_rfc3339("2026-06-01T12:00:00Z").value();
    cli::Story story;
    story.line.names = {"a.example"};
    CHECK(cli::describe_story(story, now).find("versions") == std::string::npos);
    store::StoredVersion version;
    version.facts.serial = "0b";
    version.facts.not_before = now;
    version.facts.not_after = now + std::chrono::hours{24};
    version.facts.created = now + std::chrono::minutes{1};
    version.facts.source = "acme";
    version.current = true;
    story.versions.push_back(version);
    version.facts.serial = "0a";
    version.facts.source = "import";
    version.current = false;
    story.versions.push_back(version);
    CHECK_THAT(cli::describe_story(story, now),
               ContainsSubstring(
                   "    versions  current   0b, 2026-06-01T12:00:00Z to 2026-06-02T12:00:00Z, "
                   "issued 2026-06-01T12:01:00Z\n"
                   "              previous  0a, 2026-06-01T12:00:00Z to 2026-06-02T12:00:00Z, "
                   "imported 2026-06-01T12:01:00Z\n"));
}
