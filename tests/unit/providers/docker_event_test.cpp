#include "providers/docker_event.hpp"

#include "base/clock.hpp"
#include "providers/docker_event_feed.hpp"
#include "support/catch.hpp"
#include "unit/control/support/manual_executor.hpp"

namespace mesh::providers {
namespace {

using control::test::ManualExecutor;

std::string event_line(const std::string& action, const std::string& type = "container") {
    return R"({"status":"x","Type":")" + type + R"(","Action":")" + action +
           R"(","Actor":{"ID":"abc","Attributes":{"container":"def"}},"time":1795835169})";
}

/// A feed and what it handed on.
struct Fed {
    ManualClock clock{WallTime{}};
    ManualExecutor executor{clock};
    std::vector<DockerEventFeed::Batch> batches;
    std::shared_ptr<DockerEventFeed> feed = std::make_shared<DockerEventFeed>(
        executor, [this](DockerEventFeed::Batch batch) { batches.push_back(std::move(batch)); });
};

}  // namespace

TEST_CASE("docker event: what it is about, and whether it matters") {
    CHECK(parse_docker_event(event_line("start"))->container == "abc");
    CHECK(parse_docker_event(event_line("connect", "network"))->container == "def");
    CHECK(parse_docker_event(event_line("pull", "image"))->container.empty());
    for (const char* action : {"start",
                               "die",
                               "died",
                               "stop",
                               "rename",
                               "pause",
                               "health_status: unhealthy",
                               "health_status",
                               "remove",
                               "something new"})
        CHECK(parse_docker_event(event_line(action))->matters);
    for (const char* action : {"create",
                               "exec_create: /bin/sh -c true",
                               "exec_start: x",
                               "exec_die",
                               "exec_died",
                               "cleanup",
                               "top",
                               "attach"})
        CHECK_FALSE(parse_docker_event(event_line(action))->matters);
}

TEST_CASE("docker event: what is none is an error with what the daemon said") {
    const auto why = [](const char* line) { return parse_docker_event(line).error().message; };
    CHECK(why(R"({"message":"page not found"})") == "page not found");
    CHECK(why("{}") == "it has no type");
    CHECK(why("[]") == "the answer is not an object");
    CHECK(why(R"({"Type": 1})") == "Type is not a text");
    CHECK(why(R"({"Type": "container", "Actor": {"ID": []}})") == "Actor.ID is not a text");
    CHECK(why("403 Forbidden") == "not JSON, it begins \"403 Forbidden\"");
}

TEST_CASE("docker event: an ID that is none means any container") {
    const auto event = parse_docker_event(
        R"({"Type":"container","Action":"start","Actor":{"ID":")" + std::string(129, 'a') + "\"}}");
    CHECK(event->matters);
    CHECK(event->container.empty());
    CHECK(parse_docker_event(R"({"Type":"container","Actor":{"ID":"a/b"}})")->container.empty());
}

TEST_CASE("docker event: a health check that runs is no news") {
    CHECK(is_docker_noise(event_line("exec_create: /bin/sh -c true")));
    CHECK(is_docker_noise(event_line("exec_die")));
    CHECK_FALSE(is_docker_noise(event_line("start")));
    CHECK_FALSE(is_docker_noise(
        R"({"Type":"container","Action":"die","Actor":{"Attributes":{"x":"\"Action\":\"exec_\""}}})"));
    // Labels are attributes, by their own names.
    CHECK_FALSE(is_docker_noise(
        R"({"Type":"container","Action":"die","Actor":{"Attributes":{"Action":"exec_x"}}})"));
}

TEST_CASE("docker event feed: lines are handed on together, however they arrive") {
    Fed fed;
    CHECK(fed.feed->add("on"));
    fed.executor.settle();
    CHECK(fed.batches.empty());
    CHECK(fed.feed->add("e\r\n\n"));
    CHECK(fed.feed->add("two\nthr"));
    fed.executor.settle();
    REQUIRE(fed.batches.size() == 1);
    CHECK(fed.batches.front().lines == std::vector<std::string>{"one", "two"});
    CHECK(fed.feed->add("ee\n" + event_line("exec_die") + "\n"));
    fed.executor.settle();
    CHECK(fed.batches.at(1).lines == std::vector<std::string>{"three"});
}

TEST_CASE("docker event feed: more than anybody takes is dropped, and told") {
    Fed fed;
    for (std::size_t i = 0; i < 2 * DockerEventFeed::backlog_lines_max; ++i)
        CHECK(fed.feed->add("line\n"));
    const std::string long_line(DockerEventFeed::line_size_max - 1, 'x');
    fed.executor.settle();
    REQUIRE(fed.batches.size() == 1);
    CHECK(fed.batches.front().lines.size() == DockerEventFeed::backlog_lines_max);
    CHECK(fed.batches.front().lost);

    for (int i = 0; i < 10; ++i) CHECK(fed.feed->add(long_line + "\n"));
    fed.executor.settle();
    CHECK(fed.batches.at(1).lines.size() == 4);
    CHECK(fed.batches.at(1).lost);
    CHECK(fed.feed->add("again\n"));
    fed.executor.settle();
    CHECK_FALSE(fed.batches.at(2).lost);
}

TEST_CASE("docker event feed: a line without end is refused") {
    Fed fed;
    const std::string piece(DockerEventFeed::line_size_max / 2, 'x');
    CHECK(fed.feed->add(piece));
    CHECK(fed.feed->add(piece));
    CHECK_FALSE(fed.feed->has_too_long_line());
    CHECK_FALSE(fed.feed->add("x"));
    CHECK(fed.feed->has_too_long_line());
    CHECK_FALSE(fed.feed->add("\n"));
}

TEST_CASE("docker event feed: after it is shut nothing comes") {
    Fed fed;
    CHECK(fed.feed->add("one\n"));
    fed.feed->shut();
    CHECK_FALSE(fed.feed->add("two\n"));
    fed.executor.settle();
    CHECK(fed.batches.empty());
}

}  // namespace mesh::providers
