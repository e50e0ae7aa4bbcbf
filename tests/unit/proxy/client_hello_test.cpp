#include "proxy/client_hello.hpp"

#include "hello_builder.hpp"
#include "support/catch.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>

using mesh::Bytes;
using mesh::ByteView;
using mesh::proxy::ClientHello;
using mesh::proxy::ClientHelloReader;
using mesh::test::a_client_hello;
using mesh::test::HelloBuilder;
using State = ClientHelloReader::State;

namespace {

struct RealHello {
    std::string file;
    std::string server_name;
    std::string alpn;
    Bytes bytes;
};

const std::vector<RealHello>& real_hellos() {
    static const std::vector<RealHello> all = [] {
        const std::filesystem::path folder = MESH_TEST_HELLOS;
        std::vector<RealHello> out;
        std::ifstream table(folder / "expected.tsv");
        for (std::string line; std::getline(table, line);) {
            std::istringstream fields(line);
            RealHello hello;
            fields >> hello.file >> hello.server_name >> hello.alpn;
            std::ifstream file(folder / (hello.file + ".bin"), std::ios::binary);
            hello.bytes = Bytes(std::istreambuf_iterator<char>(file), {});
            out.push_back(std::move(hello));
        }
        return out;
    }();
    return all;
}

std::string joined(const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts) out += (out.empty() ? "" : ",") + part;
    return out.empty() ? "-" : out;
}

std::string name_of(const ClientHello& hello) {
    return hello.server_name ? hello.server_name->text() : "-";
}

Bytes without_record_headers(ByteView wire) {
    Bytes out;
    for (mesh::ByteReader reader(wire); reader.take(3);) {
        const auto payload = reader.block16();
        out.insert(out.end(), payload->begin(), payload->end());
    }
    return out;
}

ClientHelloReader read(ByteView bytes) {
    ClientHelloReader reader;
    reader.feed(bytes);
    return reader;
}

State state_of(ByteView bytes) {
    return read(bytes).state();
}

}  // namespace

TEST_CASE("client hello: names and protocols of real clients are read", "[client_hello]") {
    REQUIRE(real_hellos().size() >= 50);
    for (const RealHello& real : real_hellos()) {
        CAPTURE(real.file);
        const ClientHelloReader reader = read(real.bytes);
        CAPTURE(reader.reason());
        REQUIRE(reader.state() == State::done);
        CHECK(name_of(reader.hello()) == real.server_name);
        CHECK(joined(reader.hello().alpn) == real.alpn);
        CHECK(reader.hello().consumed == real.bytes.size());
        CHECK(reader.received() == real.bytes);
    }
}

TEST_CASE("client hello: every prefix of a real hello asks for more", "[client_hello]") {
    for (const RealHello& real : real_hellos()) {
        for (std::size_t length = 0; length < real.bytes.size(); ++length) {
            if (state_of(ByteView(real.bytes).first(length)) == State::need_more) continue;
            FAIL(real.file << " cut to " << length << " bytes");
        }
    }
}

TEST_CASE("client hello: any split over two reads gives the same", "[client_hello]") {
    for (const RealHello& real : real_hellos()) {
        for (std::size_t first = 0; first <= real.bytes.size(); ++first) {
            ClientHelloReader reader;
            reader.feed(ByteView(real.bytes).first(first));
            reader.feed(ByteView(real.bytes).subspan(first));
            if (reader.state() == State::done && name_of(reader.hello()) == real.server_name &&
                joined(reader.hello().alpn) == real.alpn && reader.received() == real.bytes) {
                continue;
            }
            FAIL(real.file << " split at " << first);
        }
    }
}

TEST_CASE("client hello: one byte per read gives the same", "[client_hello]") {
    for (const RealHello& real : real_hellos()) {
        CAPTURE(real.file);
        ClientHelloReader reader;
        for (const std::uint8_t byte : real.bytes) reader.feed(ByteView(&byte, 1));
        REQUIRE(reader.state() == State::done);
        CHECK(name_of(reader.hello()) == real.server_name);
    }
}

TEST_CASE("client hello: any split over two records gives the same", "[client_hello]") {
    for (const RealHello& real : real_hellos()) {
        const Bytes message = without_record_headers(real.bytes);
        for (std::size_t first = 1; first < message.size(); ++first) {
            const ByteView all = message;
            Bytes wire = HelloBuilder::in_records(all.first(first), 1 << 14);
            const Bytes rest = HelloBuilder::in_records(all.subspan(first), 1 << 14);
            wire.insert(wire.end(), rest.begin(), rest.end());
            const ClientHelloReader reader = read(wire);
            if (reader.state() == State::done && name_of(reader.hello()) == real.server_name &&
                reader.hello().consumed == wire.size()) {
                continue;
            }
            FAIL(real.file << " split at " << first);
        }
    }
}

TEST_CASE("client hello: random changes never crash and never invent a name", "[client_hello]") {
    std::mt19937 random(20'251'122);  // the same changes in every run
    const auto pick = [&](std::size_t below) {
        return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
    };
    for (int round = 0; round < 20'000; ++round) {
        Bytes bytes = real_hellos()[pick(real_hellos().size())].bytes;
        for (std::size_t change = 0; change <= pick(4); ++change) {
            bytes[pick(bytes.size())] = static_cast<std::uint8_t>(pick(256));
        }
        ClientHelloReader whole = read(bytes);
        if (whole.state() == State::done && whole.hello().server_name) {
            const std::string& name = whole.hello().server_name->text();
            CHECK(mesh::Hostname::parse(name).has_value());
        }
        CHECK((whole.state() == State::malformed) == !whole.reason().empty());

        ClientHelloReader split;
        const std::size_t first = pick(bytes.size());
        split.feed(ByteView(bytes).first(first));
        split.feed(ByteView(bytes).subspan(first));
        CHECK(split.state() == whole.state());
        CHECK(split.reason() == whole.reason());
    }
}

TEST_CASE("client hello: what is not TLS is told from its first bytes", "[client_hello]") {
    CHECK(state_of({}) == State::need_more);
    CHECK(state_of(mesh::as_bytes("G")) == State::not_tls);
    CHECK(state_of(mesh::as_bytes("SSH-2.0-OpenSSH")) == State::not_tls);
    CHECK(state_of(Bytes{0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f}) == State::not_tls);
    CHECK(state_of(Bytes{0x15, 3, 1, 0, 2, 2, 40}) == State::not_tls);
    CHECK(state_of(Bytes{0x80, 0x2e, 5}) == State::not_tls);
}

TEST_CASE("client hello: an SSLv2 hello never counts as plain bytes", "[client_hello]") {
    const Bytes hello{0x80, 0x2e, 0x01, 0x03, 0x01, 0x00, 0x15};
    CHECK(state_of(ByteView(hello).first(1)) == State::need_more);
    CHECK(state_of(ByteView(hello).first(3)) == State::need_more);
    CHECK(state_of(ByteView(hello).first(4)) == State::malformed);
    CHECK(state_of(Bytes{0x80, 0x2e, 0x01, 0x00, 0x02}) == State::malformed);
}

TEST_CASE("client hello: broken records are refused before their payload", "[client_hello]") {
    struct Case {
        const char* what;
        Bytes bytes;
    };
    const Case cases[] = {
        {"version 4", {0x16, 4}},
        {"empty record", {0x16, 3, 1, 0, 0}},
        {"record of 16,385 bytes", {0x16, 3, 1, 0x40, 0x01}},
        {"server hello", {0x16, 3, 1, 0, 4, 2}},
        {"message of 64 KiB - 3", {0x16, 3, 1, 0x40, 0, 1, 0, 0xff, 0xfd}},
        {"message of 16 MiB", {0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff}},
        {"empty hello", {0x16, 3, 1, 0, 4, 1, 0, 0, 0}},
        {"alert in between", {0x16, 3, 1, 0, 2, 1, 0, 0x15, 3, 1, 0, 2}},
        {"empty record in between", {0x16, 3, 1, 0, 2, 1, 0, 0x16, 3, 1, 0, 0}},
    };
    for (const Case& test : cases) {
        CAPTURE(test.what);
        CHECK(state_of(test.bytes) == State::malformed);
    }
}

TEST_CASE("client hello: 64 KiB in 64 records is the bound", "[client_hello]") {
    const std::size_t empty = a_client_hello().with_extension(21, {}).message().size();
    const std::size_t room = ClientHelloReader::message_size_max - empty;
    // Two paddings, because one extension holds less than 64 KiB.
    const Bytes largest = a_client_hello().with_extension(21, Bytes(room)).message();
    REQUIRE(largest.size() == ClientHelloReader::message_size_max);

    CHECK(state_of(HelloBuilder::in_records(largest, 1 << 14)) == State::done);
    CHECK(state_of(HelloBuilder::in_records(largest, 1024)) == State::done);
    CHECK(state_of(HelloBuilder::in_records(largest, 1023)) == State::malformed);
    const Bytes larger = a_client_hello().with_extension(21, Bytes(room + 1)).message();
    CHECK(state_of(HelloBuilder::in_records(larger, 1 << 14)) == State::malformed);

    const Bytes small = a_client_hello().with_sni("a.example").message();
    const std::size_t per_record = small.size() / 64;
    CHECK(state_of(HelloBuilder::in_records(small, per_record + 1)) == State::done);
    CHECK(state_of(HelloBuilder::in_records(small, 1)) == State::malformed);
}

TEST_CASE("client hello: server names", "[client_hello]") {
    struct Case {
        std::string sent;
        const char* name;  // null: malformed; "-": none
    };
    const std::string label(63, 'a');
    const Case cases[] = {
        {"shop.example", "shop.example"},
        {"Shop.EXAMPLE", "shop.example"},
        {"shop.example.", "shop.example"},
        {"localhost", "localhost"},
        {"a_b.example", "a_b.example"},
        {"xn--bcher-kva.example", "xn--bcher-kva.example"},
        {label + ".example", nullptr},
        {"1.2.3.4.example", "1.2.3.4.example"},
        {"127.0.0.1", "-"},
        {"::1", "-"},
        {"2001:db8::17", "-"},
        {"", nullptr},
        {".", nullptr},
        {"..", nullptr},
        {"shop.example..", nullptr},
        {".shop.example", nullptr},
        {"shop..example", nullptr},
        {label + "a.example", nullptr},
        {"-shop.example", nullptr},
        {"shop-.example", nullptr},
        {"*.example", nullptr},
        {"shop example", nullptr},
        {"shop.example\r\n", nullptr},
        {"b\xc3\xbc"
         "cher.example",
         nullptr},
        {std::string("shop.example\0.evil", 18), nullptr},
        {std::string("127.0.0.1\0", 10), nullptr},
        {std::string("\0", 1), nullptr},
        {"[::1]", nullptr},
        {"shop.example:443", nullptr},
        {std::string(254, 'a'), nullptr},
    };
    for (const Case& test : cases) {
        CAPTURE(test.sent);
        const ClientHelloReader reader = read(a_client_hello().with_sni(test.sent).build());
        const std::string_view expected = test.name ? test.name : "malformed";
        if (test.sent == label + ".example") {
            CHECK(name_of(reader.hello()) == test.sent);
            continue;
        }
        CHECK((reader.state() == State::done ? name_of(reader.hello()) : "malformed") == expected);
        CHECK(reader.hello().named_an_address == (expected == "-"));
    }
}

TEST_CASE("client hello: a broken extension never reads as an absent one", "[client_hello]") {
    const Bytes list_too_short{0, 5, 0, 0, 3, 'a', '.', 'b'};
    const Bytes list_too_long{0, 7, 0, 0, 3, 'a', '.', 'b'};
    const Bytes name_too_long{0, 6, 0, 0, 9, 'a', '.', 'b'};
    for (const Bytes& data : {list_too_short, list_too_long, name_too_long, Bytes{}, Bytes{0, 0}}) {
        CHECK(state_of(a_client_hello().with_extension(0, data).build()) == State::malformed);
    }
    for (const Bytes& data : {Bytes{},
                              Bytes{0, 0},
                              Bytes{0, 1, 0},
                              Bytes{0, 3, 3, 'h', '2'},
                              Bytes{0, 3, 2, 'h', '2', 0}}) {
        CHECK(state_of(a_client_hello().with_extension(16, data).build()) == State::malformed);
    }
}

TEST_CASE("client hello: said twice is refused", "[client_hello]") {
    const auto two_names = a_client_hello().with_sni_entries({{0, "a.example"}, {0, "b.example"}});
    CHECK(state_of(two_names.build()) == State::malformed);
    const auto other_type = a_client_hello().with_sni_entries({{1, "a.example"}});
    CHECK(state_of(other_type.build()) == State::malformed);
    const auto two_sni = a_client_hello().with_sni("a.example").with_sni("a.example");
    CHECK(state_of(two_sni.build()) == State::malformed);
    const auto two_alpn = a_client_hello().with_alpn({"h2"}).with_alpn({"acme-tls/1"});
    CHECK(state_of(two_alpn.build()) == State::malformed);
}

TEST_CASE("client hello: without extensions, and with unknown ones", "[client_hello]") {
    CHECK(name_of(read(a_client_hello().without_extensions().build()).hello()) == "-");
    CHECK(state_of(a_client_hello().without_extensions().build()) == State::done);
    const auto strange = a_client_hello()
                             .with_extension(0x0a0a, {0})
                             .with_sni("a.example")
                             .with_extension(0xfafa, {});
    CHECK(name_of(read(strange.build()).hello()) == "a.example");
}

TEST_CASE("client hello: bytes behind the hello are kept, not read", "[client_hello]") {
    const Bytes hello = a_client_hello().with_sni("a.example").build();
    Bytes wire = hello;
    wire.insert(wire.end(), {0x17, 3, 3, 0, 0});
    ClientHelloReader reader = read(wire);
    CHECK(reader.state() == State::done);
    CHECK(reader.hello().consumed == hello.size());
    CHECK(reader.received() == wire);

    reader.feed(Bytes{1, 2, 3});
    CHECK(reader.state() == State::done);
    CHECK(reader.received().size() == wire.size() + 3);
}

TEST_CASE("client hello: acme-tls/1 counts only as the sole offer", "[client_hello]") {
    const auto offers_only_acme = [](const std::vector<std::string>& protocols) {
        return read(a_client_hello().with_alpn(protocols).build())
            .hello()
            .offers_only("acme-tls/1");
    };
    CHECK(offers_only_acme({"acme-tls/1"}));
    CHECK_FALSE(offers_only_acme({"acme-tls/1", "h2"}));
    CHECK_FALSE(offers_only_acme({"acme-tls/1", "acme-tls/1"}));
    CHECK_FALSE(offers_only_acme({"h2"}));
}
