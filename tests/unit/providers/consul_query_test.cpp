#include "providers/consul_query.hpp"

#include "support/catch.hpp"

using namespace mesh;
using namespace std::chrono_literals;

namespace {

model::ConsulCatalogProvider agent_settings() {
    model::ConsulCatalogProvider settings;
    settings.endpoint.url = "http://127.0.0.1:8500";
    return settings;
}

http::Response with_index(const std::string& index) {
    http::Response response;
    response.status = 200;
    if (!index.empty()) response.headers.emplace_back("x-consul-index", index);
    return response;
}

}  // namespace

TEST_CASE("a name is encoded as URLs want it") {
    CHECK(providers::health_path("web-1.a_b~") == "/v1/health/service/web-1.a_b~");
    CHECK(providers::health_path("a/b ?&#%\xC3\xA4") ==
          "/v1/health/service/a%2Fb%20%3F%26%23%25%C3%A4");
}

TEST_CASE("a plain request asks for what is now, a blocking query for what comes") {
    auto settings = agent_settings();
    const auto plain = providers::consul_request(settings, "/v1/catalog/services", 0, 300s);
    CHECK(plain.url == "http://127.0.0.1:8500/v1/catalog/services");
    CHECK(plain.timeout == 30s);
    CHECK(plain.headers.empty());

    settings.datacenter = "dc 2";
    settings.token = Secret("s3cret");
    const auto blocking = providers::consul_request(settings, "/v1/catalog/services", 7, 288s);
    CHECK(blocking.url == "http://127.0.0.1:8500/v1/catalog/services?dc=dc%202&index=7&wait=288s");
    CHECK(blocking.timeout >= 288s + 18s + 10s);
    REQUIRE(blocking.headers.size() == 1);
    CHECK(blocking.headers.front().first == "X-Consul-Token");
    CHECK(blocking.headers.front().second == "s3cret");
}

TEST_CASE("waits differ, and none is longer than five minutes") {
    const auto a = providers::wait_of(providers::health_path("a"));
    const auto b = providers::wait_of(providers::health_path("b"));
    const auto c = providers::wait_of(providers::health_path("c"));
    CHECK((a != b || b != c));
    CHECK(a <= 300s);
    CHECK(a > 240s);
}

TEST_CASE("an index that goes backwards starts from the beginning; none is smaller than 1") {
    CHECK(providers::next_index(5, with_index("9")) == 9);
    CHECK(providers::next_index(9, with_index("9")) == 9);
    CHECK(providers::next_index(9, with_index("8")) == 0);
    CHECK(providers::next_index(0, with_index("0")) == 1);
    CHECK(!providers::next_index(9, with_index("")));
    CHECK(!providers::next_index(9, with_index("12x")));
    CHECK(!providers::next_index(9, with_index("-1")));
}

TEST_CASE("a refusal is told without the token") {
    auto settings = agent_settings();
    settings.token = Secret("s3cret");
    http::Response response;
    response.status = 403;
    response.body = "ACL not found: s3cret";
    CHECK(providers::refusal_of(response, settings).message ==
          "Permission denied; the token needs service:read and node:read");
    response.status = 500;
    response.body = "rpc error for s3cret s3cret:\n No cluster leader";
    const Error error = providers::refusal_of(response, settings);
    CHECK(error.message == "Consul answered 500: rpc error for ... ...:? No cluster leader");
    response.body = std::string(100'000, 'x');
    CHECK(providers::refusal_of(response, settings).message.size() < 300);
    settings.token = Secret(".");
    response.body = "v1.2";
    CHECK(providers::refusal_of(response, settings).message == "Consul answered 500: v1...2");
    response.status = 404;
    CHECK(providers::refusal_of(response, settings).code == Errc::io);
}
