#pragma once
#include "base/log.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace mesh::control::test {

class RecordingLog final : public Log {
 public:
    struct Line {
        LogLevel level;
        std::string event;
        std::string message;
        std::map<std::string, std::string> fields;
    };

    void write(LogLevel level,
               std::string_view event,
               std::string_view message,
               std::initializer_list<LogField> fields) override {
        Line line{level, std::string(event), std::string(message), {}};
        for (const LogField& field : fields) line.fields[std::string(field.key)] = field.value;
        lines.push_back(std::move(line));
    }
    [[nodiscard]] bool enabled(LogLevel) const override { return true; }

    [[nodiscard]] std::size_t count(std::string_view event) const {
        return static_cast<std::size_t>(std::count_if(
            lines.begin(), lines.end(), [&](const Line& line) { return line.event == event; }));
    }
    /// The last line of that event; fails the test without one.
    [[nodiscard]] const Line& last(std::string_view event) const {
        const auto found = std::find_if(
            lines.rbegin(), lines.rend(), [&](const Line& line) { return line.event == event; });
        if (found == lines.rend()) throw std::runtime_error("no event " + std::string(event));
        return *found;
    }
    [[nodiscard]] std::string text() const {
        std::string all;
        for (const Line& line : lines) {
            all += std::string(to_string(line.level)) + " " + line.event + " " + line.message;
            for (const auto& [key, value] : line.fields) all += " " + key + "=" + value;
            all += "\n";
        }
        return all;
    }

    std::vector<Line> lines;
};

}  // namespace mesh::control::test
