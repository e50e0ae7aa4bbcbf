#pragma once
#include <nlohmann/json.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What goes between a client and the fault CA, and the ways an answer can be spoilt on its way.
namespace mesh::fault {

using Json = nlohmann::json;

struct Request {
    std::string method;  ///< "GET", "HEAD", "POST"
    std::string url;     ///< absolute
    std::string content_type;
    std::string body;
};

struct Reply {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;

    bool bare = false;  ///< the CA adds neither Replay-Nonce nor Date

    // What becomes of it. Without any of these the client gets it whole and at once.
    std::chrono::milliseconds delay{0};  ///< on the virtual clock, after the request was executed
    bool lost = false;                   ///< the connection is reset instead
    bool silent = false;                 ///< the connection stays open and nothing comes
    std::optional<std::size_t> cut;      ///< the connection ends after so many bytes of the body
    /// One byte of the body in each such span of real time.
    std::optional<std::chrono::milliseconds> drip;

    /// Sets a header field; an empty value removes it.
    Reply& header(std::string_view name, std::string_view value);
    [[nodiscard]] std::string header(std::string_view name) const;
    /// Adds one more field of that name.
    Reply& also(std::string_view name, std::string_view value);
    /// Changes the body, which must be a JSON object.
    Reply& edit(const std::function<void(Json&)>& change);
};

[[nodiscard]] Reply json_reply(int status, const Json& body);
/// A problem document (RFC 7807) with an ACME type: "rateLimited".
[[nodiscard]] Reply problem(int status, std::string_view type, std::string_view detail);
/// The same with a reason for each of some names.
struct NamedReason {
    std::string name;
    std::string type;
    std::string detail;
};
[[nodiscard]] Reply problem(int status,
                            std::string_view type,
                            std::string_view detail,
                            const std::vector<NamedReason>& reasons);
/// What a proxy in front of a CA says.
[[nodiscard]] Reply web_page(int status);

}  // namespace mesh::fault
