#pragma once
// A data plane, and what its log of connections tells.
#include "support/catch.hpp"
#include "support/plane.hpp"

#include <chrono>
#include <map>
#include <string>

namespace mesh::test {

using Told = std::map<std::string, std::string>;

/// A plane whose one worker tells of its connections.
class ToldPlane {
 public:
    explicit ToldPlane(PlaneBuilder builder,
                       std::chrono::milliseconds min_duration = std::chrono::milliseconds(0))
        : plane(std::move(builder)) {
        plane.plane->set_connection_log({&log_}, min_duration);
        plane.settle();  // no connection is older than its log
    }

    /// The next connection that has ended.
    Told next() {
        Told told;
        REQUIRE(eventually([&] {
            return ring_.pop([&](const LogRecord& record) {
                CHECK(record.event == "connection");
                for (const LogRecord::Field& field : record.fields)
                    told.emplace(std::string(field.key), std::string(field.value));
            });
        }));
        return told;
    }
    bool is_silent() {
        return !ring_.pop([](const LogRecord&) {});
    }
    [[nodiscard]] proxy::Counters counters() const { return plane.plane->counters(); }

 private:
    SystemClock clock_;
    LogRing ring_;
    RingLog log_{ring_, clock_, LogLevel::info};

 public:
    Plane plane;
};

}  // namespace mesh::test
