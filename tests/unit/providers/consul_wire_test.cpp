#include "providers/consul_wire.hpp"

#include "support/catch.hpp"

using namespace mesh;
using model::CheckStatus;
using providers::read_consul_catalog;
using providers::read_consul_instances;

namespace {

std::string instance_json(const std::string& service, const std::string& checks) {
    return R"([{"Node":{"Node":"n1","Address":"10.0.0.1","Datacenter":"dc1"},"Service":)" +
           service + R"(,"Checks":)" + checks + "}]";
}

std::string refusal_of_catalog(const std::string& json) {
    const auto catalog = read_consul_catalog(json);
    REQUIRE(!catalog.has_value());
    return catalog.error().message;
}

std::string refusal_of_instances(const std::string& json) {
    const auto instances = read_consul_instances(json);
    REQUIRE(!instances.has_value());
    return instances.error().message;
}

}  // namespace

TEST_CASE("a catalogue is its services with their tags") {
    const auto catalog =
        read_consul_catalog(R"({"consul":[],"web":["a=1","b"],"none":null})").value();
    CHECK(catalog.size() == 3);
    CHECK(catalog.at("web") == std::vector<std::string>{"a=1", "b"});
    CHECK(catalog.at("none").empty());
}

TEST_CASE("what is no catalogue is refused whole") {
    CHECK(refusal_of_catalog("<html>") ==
          "its answer about services cannot be used: it is not JSON");
    CHECK_THAT(refusal_of_catalog("[]"), ContainsSubstring("is not an object"));
    CHECK_THAT(refusal_of_catalog(R"({"web":"a"})"), ContainsSubstring("is not a list"));
    CHECK_THAT(refusal_of_catalog(R"({"web":[1]})"), ContainsSubstring("not a list of texts"));
    std::string many = "{";
    for (int i = 0; i <= 20'000; ++i) many += "\"s" + std::to_string(i) + "\":[],";
    many.back() = '}';
    CHECK_THAT(refusal_of_catalog(many), ContainsSubstring("more than 20000 services"));
}

TEST_CASE("an instance has its own address and port, else its node's address") {
    const auto own = read_consul_instances(instance_json(
        R"({"ID":"web-1","Service":"web","Tags":["x=y"],"Address":"10.1.0.9","Port":8080})", "[]"));
    REQUIRE(own.value().size() == 1);
    CHECK(own->front().id == "web-1");
    CHECK(own->front().node == "n1");
    CHECK(own->front().address == "10.1.0.9");
    CHECK(own->front().port == 8080);
    CHECK(own->front().tags == std::vector<std::string>{"x=y"});
    CHECK(own->front().status == CheckStatus::passing);

    const auto of_node = read_consul_instances(
        instance_json(R"({"ID":"web-1","Tags":null,"Address":"","Port":0})", "null"));
    CHECK(of_node.value().front().address == "10.0.0.1");
    CHECK(of_node->front().port == 0);
    CHECK(read_consul_instances(instance_json(R"({"Port":70000})", "[]")).value().front().port ==
          0);
}

TEST_CASE("a proxy of the service mesh is told from a server") {
    const auto kind = [](const std::string& service) {
        return read_consul_instances(instance_json(service, "[]")).value().front().kind;
    };
    CHECK(kind(R"({"ID":"web-1"})").empty());
    CHECK(kind(R"({"ID":"web-1","Kind":""})").empty());
    CHECK(kind(R"({"ID":"web-1-sidecar-proxy","Kind":"connect-proxy"})") == "connect-proxy");
    CHECK_THAT(refusal_of_instances(instance_json(R"({"Kind":1})", "[]")),
               ContainsSubstring("Service.Kind is not text"));
}

TEST_CASE("an instance is as well as the worst of its checks") {
    const auto status = [](const std::string& checks) {
        return read_consul_instances(instance_json("{}", checks)).value().front().status;
    };
    CHECK(status(R"([{"Status":"passing"},{"Status":"passing"}])") == CheckStatus::passing);
    CHECK(status(R"([{"Status":"warning"},{"Status":"passing"}])") == CheckStatus::warning);
    CHECK(status(R"([{"Status":"passing"},{"Status":"critical"},{"Status":"warning"}])") ==
          CheckStatus::critical);
    CHECK(status(R"([{"CheckID":"_node_maintenance","Status":"critical"}])") ==
          CheckStatus::critical);
    CHECK(status(R"([{"Status":"maintenance"}])") == CheckStatus::critical);
    CHECK(status(R"([{"CheckID":"x"}])") == CheckStatus::critical);
}

TEST_CASE("members of the wrong type are named") {
    CHECK(refusal_of_instances("{}") ==
          "its answer about instances cannot be used: the list of instances is not a list");
    CHECK_THAT(refusal_of_instances("[7]"), ContainsSubstring("an instance is not an object"));
    CHECK_THAT(refusal_of_instances("[{}]"), ContainsSubstring("Node is not an object"));
    CHECK_THAT(refusal_of_instances(instance_json(R"({"Port":"80"})", "[]")),
               ContainsSubstring("Service.Port is not a whole number"));
    CHECK_THAT(refusal_of_instances(instance_json(R"({"Address":1})", "[]")),
               ContainsSubstring("Service.Address is not text"));
    CHECK_THAT(refusal_of_instances(instance_json(R"({"Tags":{}})", "[]")),
               ContainsSubstring("Service.Tags is not a list"));
    CHECK_THAT(refusal_of_instances(instance_json("{}", R"({"a":1})")),
               ContainsSubstring("Checks is not a list"));
    CHECK_THAT(refusal_of_instances(instance_json("{}", R"([{"Status":1}])")),
               ContainsSubstring("Checks.Status is not text"));
}

TEST_CASE("depth is refused before it is parsed; brackets in texts are not depth") {
    const std::string deep(1'000'000, '[');
    CHECK_THAT(refusal_of_catalog(deep), ContainsSubstring("it nests too deep"));
    CHECK_THAT(refusal_of_instances(deep + std::string(1'000'000, ']')),
               ContainsSubstring("it nests too deep"));
    const std::string text(100, '[');
    CHECK(read_consul_catalog(R"({"a":["\"\\)" + text + R"("]})").value().size() == 1);
}

TEST_CASE("instances come in one order") {
    const std::string json =
        R"([{"Node":{"Node":"b"},"Service":{"ID":"1"}},
            {"Node":{"Node":"a"},"Service":{"ID":"2"}},
            {"Node":{"Node":"a"},"Service":{"ID":"1"}}])";
    const auto instances = read_consul_instances(json).value();
    CHECK(instances[0].node + instances[0].id == "a1");
    CHECK(instances[1].node + instances[1].id == "a2");
    CHECK(instances[2].node + instances[2].id == "b1");
}

TEST_CASE("checks in a state are told apart by node, ID, service and change") {
    const std::string json =
        R"([{"Node":"b","CheckID":"service:1","ServiceName":"web","ModifyIndex":7,"Output":"x"},
            {"Node":"a","CheckID":"serfHealth","ServiceName":"","ModifyIndex":9}])";
    const auto checks = providers::read_consul_checks(json).value();
    CHECK(checks == std::set<providers::ConsulCheck>{{"a", "serfHealth", "", 9},
                                                     {"b", "service:1", "web", 7}});
    CHECK(!providers::read_consul_checks("{}").has_value());
    CHECK(!providers::read_consul_checks("[1]").has_value());
    CHECK(!providers::read_consul_checks(R"([{"ModifyIndex":"7"}])").has_value());
}
