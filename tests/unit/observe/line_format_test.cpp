#include "observe/log_writer.hpp"
#include "support/catch.hpp"

#include <nlohmann/json.hpp>

namespace mesh::observe {
namespace {

LogRecord a_record() {
    LogRecord record;
    record.time = WallTime{std::chrono::milliseconds{1'795'359'845'007}};
    record.level = LogLevel::warn;
    record.event = "order_failed";
    record.message = "the CA refused";
    record.fields = {{"certificate", "a.example"}, {"detail", "no \"A\" record\n"}};
    return record;
}

}  // namespace

TEST_CASE("log line: key=value, in a fixed order", "[observe]") {
    CHECK(format_line(a_record(), Format::common, false) ==
          "time=2026-11-22T15:04:05.007Z level=WARN event=order_failed msg=\"the CA refused\" "
          "certificate=a.example detail=\"no \\\"A\\\" record\\x0A\"");
}

TEST_CASE("log line: without an event the key is left out", "[observe]") {
    LogRecord record = a_record();
    record.event = "";
    record.fields.clear();
    CHECK(format_line(record, Format::common, false) ==
          "time=2026-11-22T15:04:05.007Z level=WARN msg=\"the CA refused\"");
    CHECK(format_line(record, Format::json, false) ==
          R"({"time":"2026-11-22T15:04:05.007Z","level":"WARN","msg":"the CA refused"})");
}

TEST_CASE("log line: JSON is one object with every field", "[observe]") {
    const auto json = nlohmann::json::parse(format_line(a_record(), Format::json, false));
    CHECK(json.at("time") == "2026-11-22T15:04:05.007Z");
    CHECK(json.at("level") == "WARN");
    CHECK(json.at("event") == "order_failed");
    CHECK(json.at("msg") == "the CA refused");
    CHECK(json.at("certificate") == "a.example");
    CHECK(json.at("detail") == "no \"A\" record\n");
    CHECK(json.size() == 6);
}

TEST_CASE("log line: JSON has numbers as numbers, and nothing that only looks like one") {
    LogRing ring(1);
    const SystemClock clock;
    RingLog log(ring, clock, LogLevel::info);
    log.info("connection",
             "",
             {{"bytes", std::uint64_t{18'446'744'073'709'551'615U}},
              {"before", -5},
              {"resumed", false},
              {"serial", "12"}});
    std::string line;
    ring.pop([&](const LogRecord& record) { line = format_line(record, Format::json, false); });
    CHECK(
        line.substr(line.find(",\"event\"")) ==
        R"(,"event":"connection","bytes":18446744073709551615,"before":-5,"resumed":false,"serial":"12"})");
}

TEST_CASE("log line: journald gets the priority in front", "[observe]") {
    LogRecord record = a_record();
    const auto prefix = [&](LogLevel level) {
        record.level = level;
        return format_line(record, Format::common, true).substr(0, 8);
    };
    CHECK(prefix(LogLevel::debug) == "<7>time=");
    CHECK(prefix(LogLevel::info) == "<6>time=");
    CHECK(prefix(LogLevel::warn) == "<4>time=");
    CHECK(prefix(LogLevel::error) == "<3>time=");
}

}  // namespace mesh::observe
