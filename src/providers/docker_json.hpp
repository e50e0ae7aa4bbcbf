#pragma once
// Private to this room.
#include "base/result.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mesh::providers {

/// What a Docker daemon said, as a value. nlohmann's converts from everything, which a Result
/// cannot tell from its error.
struct DockerDocument {
    explicit DockerDocument(nlohmann::json value) : root(std::move(value)) {}
    nlohmann::json root;
};

/// JSON of at most 64 levels. Errors (invalid): anything else. Never throws, however wrong it is.
[[nodiscard]] Result<DockerDocument> parse_docker_json(std::string_view text);

/// The members of an object of a daemon's answer. Absent ones, and null, which Go writes for an
/// empty map, give an empty value. One of another type gives that too, and `wrong` then says which:
/// the first counts, so that a reader has one test at its end.
class DockerMembers {
 public:
    DockerMembers(const nlohmann::json& object, std::string path, std::string& wrong);

    [[nodiscard]] std::string text(const char* name) const;
    [[nodiscard]] bool boolean(const char* name) const;
    [[nodiscard]] std::int64_t integer(const char* name) const;
    [[nodiscard]] DockerMembers object(const char* name) const;
    /// An array or an empty one.
    [[nodiscard]] const nlohmann::json& array(const char* name) const;
    /// Calls `visit(name, value)` for each member.
    template <class Visit>
    void each(Visit&& visit) const {
        for (const auto& [name, value] : object_.items()) visit(name, value);
    }
    /// An object in an array, or below this one by a name of the daemon's choice.
    [[nodiscard]] DockerMembers below(const nlohmann::json& value, std::string_view name) const;
    void refuse(std::string_view name, std::string_view expected) const;

 private:
    [[nodiscard]] const nlohmann::json* find(const char* name) const;

    const nlohmann::json& object_;
    std::string path_;
    std::string& wrong_;
};

}  // namespace mesh::providers
