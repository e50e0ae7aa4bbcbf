#include "ipc/upgrade_message.hpp"

#include "base/json_depth.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

namespace mesh::ipc {
namespace {

using Json = nlohmann::ordered_json;
using Kind = UpgradeMessage::Kind;

/// Another number is spoken by nobody who understands this one.
constexpr int protocol = 1;
constexpr int nesting_max = 4;
constexpr std::size_t name_max = 1'024;
constexpr std::size_t text_max = 1'000;
constexpr std::size_t findings_max = 50;
constexpr std::uint64_t time_max = 24 * 3'600 * 1'000;  // milliseconds

constexpr std::array<std::pair<Kind, std::string_view>, 8> words{{
    {Kind::offer, "offer"},
    {Kind::sockets, "sockets"},
    {Kind::store_wanted, "store_wanted"},
    {Kind::store_released, "store_released"},
    {Kind::ready, "ready"},
    {Kind::commit, "commit"},
    {Kind::serving, "serving"},
    {Kind::failed, "failed"},
}};

std::optional<Kind> kind_of(std::string_view word) {
    for (const auto& [kind, text] : words)
        if (text == word) return kind;
    return std::nullopt;
}

Error invalid_message(const std::string& why) {
    return {Errc::invalid, Origin::internal, "a message of the other process is wrong: " + why};
}

Json offer_json(const UpgradeMessage& message) {
    return {{"protocol", protocol},
            {"version", message.version},
            {"ready_within_ms", message.ready_within.count()},
            {"ticket_keys", message.ticket_keys.reveal()}};
}

Json sockets_json(const UpgradeMessage& message) {
    Json list = Json::array();
    for (const PassedSocket& socket : message.sockets)
        list.push_back(
            {{"name", socket.name}, {"any_port", socket.any_port}, {"kept", socket.kept}});
    return {{"sockets", std::move(list)}, {"last", message.last}};
}

Json failed_json(const UpgradeMessage& message) {
    Json list = Json::array();
    for (const std::string& finding : message.findings) {
        if (list.size() == findings_max) break;
        list.push_back(finding.substr(0, text_max));
    }
    return {{"reason", message.reason.substr(0, text_max)}, {"findings", std::move(list)}};
}

Status read_offer(const Json& json, UpgradeMessage& message) {
    message.version = json.at("version").get<std::string>();
    message.ticket_keys = Secret(json.value("ticket_keys", std::string()));
    const auto time = json.find("ready_within_ms");
    if (time == json.end()) return {};
    if (!time->is_number_unsigned()) return invalid_message("its time is no number");
    message.ready_within =
        std::chrono::milliseconds(std::min(time->get<std::uint64_t>(), time_max));
    return {};
}

Status read_sockets(const Json& json, UpgradeMessage& message) {
    const Json& list = json.at("sockets");
    if (!list.is_array() || list.size() > passed_sockets_max)
        return invalid_message("it has no list of sockets, or too many of them");
    for (const Json& socket : list) {
        message.sockets.push_back({socket.at("name").get<std::string>(),
                                   socket.at("any_port").get<bool>(),
                                   socket.value("kept", false)});
        if (message.sockets.back().name.size() > name_max)
            return invalid_message("the name of a socket is too long");
    }
    message.last = json.at("last").get<bool>();
    return {};
}

void read_failed(const Json& json, UpgradeMessage& message) {
    message.reason = json.at("reason").get<std::string>();
    for (const Json& finding : json.value("findings", Json::array())) {
        if (message.findings.size() == findings_max) break;
        message.findings.push_back(finding.get<std::string>());
    }
}

Result<UpgradeMessage> read_message(const Json& json) {
    UpgradeMessage message;
    const auto kind = kind_of(json.at("message").get<std::string>());
    if (!kind) return invalid_message("it is of no kind that this version knows");
    message.kind = *kind;
    if (*kind == Kind::offer) {
        if (json.at("protocol").get<int>() != protocol)
            return Error{Errc::unsupported,
                         Origin::internal,
                         "the running mesh hands over in a way that this version does not know: "
                         "restart it instead"};
        if (const Status read = read_offer(json, message); !read) return read.error();
    }
    if (*kind == Kind::sockets)
        if (const Status read = read_sockets(json, message); !read) return read.error();
    if (*kind == Kind::failed) read_failed(json, message);
    return message;
}

}  // namespace

std::string_view to_string(UpgradeMessage::Kind kind) {
    for (const auto& [one, text] : words)
        if (one == kind) return text;
    return "unknown";
}

std::string encode(const UpgradeMessage& message) {
    Json json = {{"message", to_string(message.kind)}};
    if (message.kind == Kind::offer) json.update(offer_json(message));
    if (message.kind == Kind::sockets) json.update(sockets_json(message));
    if (message.kind == Kind::failed) json.update(failed_json(message));
    // Names of files need not be UTF-8.
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<UpgradeMessage> decode_upgrade_message(std::string_view text) {
    if (text.size() > upgrade_message_max)
        return Error{Errc::limit, Origin::internal, "a message of the other process is too long"};
    if (json_nests_deeper(text, nesting_max)) return invalid_message("it nests too deep");
    const Json json = Json::parse(text, nullptr, false);
    if (!json.is_object()) return invalid_message("it is no JSON object");
    try {
        return read_message(json);
    } catch (const nlohmann::json::exception&) {
        // Its own words may quote the message, which may hold keys.
        return invalid_message("a value is missing or not of its kind");
    }
}

}  // namespace mesh::ipc
