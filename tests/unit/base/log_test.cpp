#include "base/log.hpp"

#include "support/catch.hpp"

#include <limits>
#include <optional>
#include <thread>

using mesh::LogField;
using mesh::LogLevel;
using mesh::LogRecord;
using mesh::LogRing;
using mesh::WallTime;
using namespace std::chrono_literals;

namespace {

constexpr WallTime noon{1'700'000'000'000ms};

bool push(LogRing& ring, std::string_view message, std::initializer_list<LogField> fields = {}) {
    return ring.push(noon, LogLevel::info, "event", message, {fields.begin(), fields.size()});
}

/// A record with texts of its own.
struct Kept {
    LogLevel level;
    std::string event;
    std::string message;
    std::vector<std::pair<std::string, std::string>> fields;
};

std::optional<Kept> pop(LogRing& ring) {
    std::optional<Kept> kept;
    ring.pop([&kept](const LogRecord& record) {
        kept = Kept{record.level, std::string(record.event), std::string(record.message), {}};
        for (const LogRecord::Field& field : record.fields)
            kept->fields.emplace_back(field.key, field.value);
    });
    return kept;
}

using Fields = std::vector<std::pair<std::string, std::string>>;

}  // namespace

TEST_CASE("log ring: gives back what was put in, in order", "[log]") {
    LogRing ring(4);
    CHECK(push(ring, "one", {{"name", "shop.example"}, {"empty", ""}}));
    CHECK(push(ring, "two"));

    bool seen = false;
    ring.pop([&seen](const LogRecord& record) {
        seen = true;
        CHECK(record.time == noon);
        CHECK(record.level == LogLevel::info);
        CHECK(record.event == "event");
    });
    CHECK(seen);
    CHECK(pop(ring)->message == "two");
    CHECK_FALSE(pop(ring).has_value());
}

TEST_CASE("log ring: fields keep any bytes and every number", "[log]") {
    LogRing ring(1);
    const std::string bytes("a\0\n\xFF", 4);
    push(ring,
         "m",
         {{"bytes", bytes},
          {"int", -5},
          {"min", std::numeric_limits<std::int64_t>::min()},
          {"max", std::numeric_limits<std::uint64_t>::max()},
          {"yes", true},
          {"no", false}});

    CHECK(pop(ring)->fields == Fields{{"bytes", bytes},
                                      {"int", "-5"},
                                      {"min", "-9223372036854775808"},
                                      {"max", "18446744073709551615"},
                                      {"yes", "true"},
                                      {"no", "false"}});
}

TEST_CASE("log field: a copy carries its own number", "[log]") {
    auto original = std::make_unique<LogField>("n", std::int64_t{12345});
    const LogField copy = *original;
    original.reset();

    CHECK(copy.value == "12345");
    CHECK(copy.key == "n");
}

TEST_CASE("log ring: a full ring drops the new record and counts it", "[log]") {
    LogRing ring(2);
    CHECK(push(ring, "one"));
    CHECK(push(ring, "two"));
    CHECK_FALSE(push(ring, "three"));
    CHECK_FALSE(push(ring, "four"));
    CHECK(ring.dropped() == 2);

    CHECK(pop(ring)->message == "one");
    CHECK(push(ring, "five"));
    CHECK(pop(ring)->message == "two");
    CHECK(pop(ring)->message == "five");
    CHECK(ring.dropped() == 2);
}

TEST_CASE("log ring: goes round many times", "[log]") {
    LogRing ring(3);
    for (int i = 0; i < 100; ++i) {
        REQUIRE(push(ring, std::to_string(i)));
        REQUIRE(pop(ring)->message == std::to_string(i));
    }
}

TEST_CASE("log ring: a record longer than a slot is cut, field by field", "[log]") {
    LogRing ring(1);
    const std::string half(LogRing::slot_size / 2, 'x');

    push(ring, "m", {{"a", half}, {"b", half}, {"c", "never fits"}});
    const auto cut = pop(ring);
    REQUIRE(cut->fields.size() == 2);
    CHECK(cut->fields[0].second == half);
    CHECK(cut->fields[1].first == "b");
    CHECK(cut->fields[1].second.size() < half.size());
    CHECK(cut->fields[1].second.size() > half.size() - 100);

    push(ring, std::string(10'000, 'y'), {{"a", "1"}});
    CHECK(pop(ring)->message.size() > LogRing::slot_size - 100);
}

TEST_CASE("log ring: no length of event, message or field breaks a record", "[log]") {
    LogRing ring(1);
    for (std::size_t around = LogRing::slot_size - 24; around < LogRing::slot_size + 24; ++around) {
        const std::string text(around, 't');
        CAPTURE(around);
        const LogField field(text, std::string_view("v"));
        REQUIRE(ring.push(noon, LogLevel::warn, text, text, {&field, 1}));
        const auto event = pop(ring);
        REQUIRE(event.has_value());
        CHECK(text.starts_with(event->event));

        REQUIRE(push(ring, text, {{"key", "value"}}));
        const auto message = pop(ring);
        REQUIRE(message.has_value());
        CHECK(text.starts_with(message->message));

        REQUIRE(push(ring, "m", {{text, "value"}}));
        REQUIRE(pop(ring).has_value());
        REQUIRE(push(ring, "m", {{"key", text}, {"k", "v"}}));
        REQUIRE(pop(ring).has_value());
    }
}

TEST_CASE("log ring: one thread writes while another reads", "[log]") {
    constexpr int count = 20'000;
    LogRing ring(64);
    std::atomic<bool> done = false;
    std::thread producer([&] {
        for (int i = 0; i < count; ++i) {
            const std::string text(static_cast<std::size_t>(i % 300),
                                   static_cast<char>('a' + i % 26));
            push(ring, text, {{"i", i}});
        }
        done = true;
    });

    int read = 0;
    int last = -1;
    bool sound = true;
    for (bool last_round = false;;) {
        const auto record = pop(ring);
        if (!record) {
            if (last_round) break;
            last_round = done;
            continue;
        }
        ++read;
        const int i = std::stoi(record->fields.at(0).second);
        sound =
            sound && i > last && record->message.size() == static_cast<std::size_t>(i % 300) &&
            record->message.find_first_not_of(static_cast<char>('a' + i % 26)) == std::string::npos;
        last = i;
    }
    producer.join();

    CHECK(sound);
    CHECK(read > 0);
    CHECK(static_cast<std::uint64_t>(read) + ring.dropped() == count);
}

TEST_CASE("log: records below the threshold are not made", "[log]") {
    LogRing ring(4);
    const mesh::ManualClock clock(noon);
    mesh::RingLog log(ring, clock, LogLevel::warn);

    log.debug("e", "debug");
    log.info("e", "info");
    log.warn("e", "warn");
    log.error("e", "error", {{"k", "v"}});

    CHECK(log.enabled(LogLevel::warn));
    CHECK_FALSE(log.enabled(LogLevel::info));
    CHECK(pop(ring)->message == "warn");
    const auto error = pop(ring);
    CHECK(error->level == LogLevel::error);
    CHECK(error->fields == Fields{{"k", "v"}});
    CHECK_FALSE(pop(ring).has_value());
}

TEST_CASE("log: several threads share a log without losing records", "[log]") {
    constexpr int threads = 4;
    constexpr int each = 500;
    LogRing ring(threads * each);
    const mesh::ManualClock clock(noon);
    mesh::SharedRingLog log(ring, clock, LogLevel::info);

    std::vector<std::thread> writers;
    for (int t = 0; t < threads; ++t)
        writers.emplace_back([&log, t] {
            for (int i = 0; i < each; ++i) log.info("e", "m", {{"t", t}, {"i", i}});
        });
    for (std::thread& writer : writers) writer.join();

    std::array<int, threads> next{};
    while (const auto record = pop(ring)) {
        auto& expected = next.at(static_cast<std::size_t>(std::stoi(record->fields[0].second)));
        REQUIRE(record->fields[1].second == std::to_string(expected));
        ++expected;
    }
    for (const int count : next) CHECK(count == each);
    CHECK(ring.dropped() == 0);
}

TEST_CASE("log: levels have the names of the log format", "[log]") {
    CHECK(to_string(LogLevel::debug) == "DEBUG");
    CHECK(to_string(LogLevel::info) == "INFO");
    CHECK(to_string(LogLevel::warn) == "WARN");
    CHECK(to_string(LogLevel::error) == "ERROR");
    CHECK_FALSE(mesh::NullLog().enabled(LogLevel::error));
}
