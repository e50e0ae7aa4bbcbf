#include "ipc/upgrade_message.hpp"

#include "support/catch.hpp"

#include <random>

using namespace mesh;
using namespace mesh::ipc;

namespace {

using Kind = UpgradeMessage::Kind;

UpgradeMessage offer() {
    UpgradeMessage message;
    message.kind = Kind::offer;
    message.version = "1.2.3";
    message.ticket_keys = Secret("c2VjcmV0");
    message.ready_within = std::chrono::milliseconds(15'000);
    return message;
}

UpgradeMessage sockets() {
    UpgradeMessage message;
    message.kind = Kind::sockets;
    message.sockets = {{"web", false}, {"ünïcode \"quoted\"", true}, {"mesh.socket", false, true}};
    message.last = true;
    return message;
}

UpgradeMessage failed() {
    UpgradeMessage message;
    message.kind = Kind::failed;
    message.reason = "mesh.yaml: invalid: 1 error";
    message.findings = {"mesh.yaml:3:1: error: unknown option \"rotuers\""};
    return message;
}

}  // namespace

TEST_CASE("upgrade message: what is encoded is decoded", "[upgrade]") {
    const auto one = decode_upgrade_message(encode(offer()));
    REQUIRE(one.has_value());
    CHECK(one->kind == Kind::offer);
    CHECK(one->version == "1.2.3");
    CHECK(one->ticket_keys == Secret("c2VjcmV0"));
    CHECK(one->ready_within == std::chrono::seconds(15));

    const auto two = decode_upgrade_message(encode(sockets()));
    REQUIRE(two.has_value());
    CHECK(two->sockets == sockets().sockets);
    CHECK(two->last);

    const auto three = decode_upgrade_message(encode(failed()));
    REQUIRE(three.has_value());
    CHECK(three->reason == failed().reason);
    CHECK(three->findings == failed().findings);

    for (const Kind kind :
         {Kind::store_wanted, Kind::store_released, Kind::ready, Kind::commit, Kind::serving}) {
        UpgradeMessage message;
        message.kind = kind;
        const auto decoded = decode_upgrade_message(encode(message));
        REQUIRE(decoded.has_value());
        CHECK(decoded->kind == kind);
    }
}

TEST_CASE("upgrade message: another version may say more", "[upgrade]") {
    const auto decoded = decode_upgrade_message(R"({"message":"ready","mood":{"fine":[true]}})");
    REQUIRE(decoded.has_value());
    CHECK(decoded->kind == Kind::ready);

    const auto of_socket = decode_upgrade_message(
        R"({"message":"sockets","sockets":[{"name":"a","any_port":true,"mood":7}],"last":true})");
    REQUIRE(of_socket.has_value());
    CHECK(of_socket->sockets == std::vector<PassedSocket>{{"a", true, false}});
}

TEST_CASE("upgrade message: another protocol is told from nonsense", "[upgrade]") {
    const auto decoded = decode_upgrade_message(R"({"message":"offer","protocol":2})");
    REQUIRE(decoded.has_error());
    CHECK(decoded.error().code == Errc::unsupported);
}

TEST_CASE("upgrade message: what is no message is an error", "[upgrade]") {
    const std::string text =
        GENERATE(as<std::string>(),
                 "",
                 "ready",
                 "[]",
                 R"({})",
                 R"({"message":7})",
                 R"({"message":"redy"})",
                 R"({"message":"offer"})",
                 R"({"message":"offer","protocol":"1","version":"1"})",
                 R"({"message":"offer","protocol":1,"version":1})",
                 R"({"message":"offer","protocol":1,"version":"1","ticket_keys":[]})",
                 R"({"message":"offer","protocol":1,"version":"1","ready_within_ms":-1})",
                 R"({"message":"offer","protocol":1,"version":"1","ready_within_ms":1e300})",
                 R"({"message":"sockets"})",
                 R"({"message":"sockets","sockets":{},"last":true})",
                 R"({"message":"sockets","sockets":[7],"last":true})",
                 R"({"message":"sockets","sockets":[{"name":"web"}],"last":true})",
                 R"({"message":"sockets","sockets":[{"name":"web","any_port":1}],"last":true})",
                 R"({"message":"sockets","last":true,)"
                 R"("sockets":[{"name":"web","any_port":true,"kept":1}]})",
                 R"({"message":"sockets","sockets":[]})",
                 R"({"message":"failed"})",
                 R"({"message":"failed","reason":"x","findings":[7]})",
                 R"({"message":"ready","x":[[[[[[1]]]]]]})");
    CAPTURE(text);
    const auto decoded = decode_upgrade_message(text);
    REQUIRE(decoded.has_error());
    CHECK(decoded.error().code == Errc::invalid);
}

TEST_CASE("upgrade message: its errors do not quote it", "[upgrade]") {
    const auto decoded =
        decode_upgrade_message(R"({"message":"offer","protocol":1,"ticket_keys":"geheim"})");
    REQUIRE(decoded.has_error());
    CHECK(decoded.error().message.find("geheim") == std::string::npos);
}

TEST_CASE("upgrade message: there are bounds", "[upgrade]") {
    const auto patient = decode_upgrade_message(
        R"({"message":"offer","protocol":1,"version":"1","ready_within_ms":18446744073709551615})");
    REQUIRE(patient.has_value());
    CHECK(patient->ready_within == std::chrono::hours(24));
    UpgradeMessage many = sockets();
    many.sockets.assign(passed_sockets_max + 1, {"web", false});
    CHECK(decode_upgrade_message(encode(many)).has_error());
    many.sockets.assign(1, {std::string(2'000, 'x'), false});
    CHECK(decode_upgrade_message(encode(many)).has_error());
    CHECK(decode_upgrade_message(std::string(upgrade_message_max + 1, ' ')).error().code ==
          Errc::limit);

    UpgradeMessage words = failed();
    words.reason = std::string(5'000, 'x');
    words.findings.assign(500, std::string(5'000, 'x'));
    const std::string text = encode(words);
    CHECK(text.size() <= upgrade_message_max);
    CHECK(decode_upgrade_message(text).has_value());
}

TEST_CASE("upgrade message: every cut and every changed byte is taken or refused", "[upgrade]") {
    std::mt19937 random(7);
    for (const std::string& text : {encode(offer()), encode(sockets()), encode(failed())}) {
        for (std::size_t length = 0; length < text.size(); ++length)
            CHECK(decode_upgrade_message(text.substr(0, length)).has_error());
        for (int i = 0; i < 5'000; ++i) {
            std::string changed = text;
            changed[random() % changed.size()] = static_cast<char>(random());
            (void)decode_upgrade_message(changed);
        }
    }
}
