#pragma once
// Private to this room: the only header that shows nlohmann's.
#include "base/clock.hpp"
#include "base/result.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::acme {

using Json = nlohmann::json;

/// nlohmann's value converts from everything, which a Result cannot tell from its error.
struct Document {
    explicit Document(Json object) : root(std::move(object)) {}
    Json root;
};

/// A JSON object from the network: at most 1 MiB and 32 levels deep, so that neither parsing nor
/// destroying it can hurt. Errors (invalid): anything else.
[[nodiscard]] Result<Document> parse_object(std::string_view text);

/// Members of the wrong type count as absent: a CA that sends rubbish in a field nobody needs is
/// still worth talking to.
[[nodiscard]] std::string text_member(const Json& object, const char* name);
[[nodiscard]] bool true_member(const Json& object, const char* name);
[[nodiscard]] const Json* member(const Json& object, const char* name);
/// A URL member made absolute; empty when absent or not a URL.
[[nodiscard]] std::string url_member(const Json& object, const char* name, const std::string& base);
[[nodiscard]] std::optional<WallTime> time_member(const Json& object, const char* name);

/// Compact text; bytes that are not UTF-8 are replaced.
[[nodiscard]] std::string to_text(const Json& value);

/// Names what an otherwise readable answer lacks (Errc::not_found).
[[nodiscard]] Error missing(std::string_view what);

}  // namespace mesh::acme
