#include "control/plan_json.hpp"

#include "base/time_text.hpp"

#include <nlohmann/json.hpp>

#include <array>

namespace mesh::control {
namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

Json time_or_null(const std::optional<WallTime>& time) {
    return time ? Json(rfc3339(*time)) : Json(nullptr);
}

Json error_or_null(const std::optional<store::LastError>& error) {
    if (!error) return nullptr;
    return {{"type", error->type}, {"detail", error->detail}, {"at", rfc3339(error->at)}};
}

Json order_or_null(const std::optional<OpenOrder>& order) {
    if (!order) return nullptr;
    Json names = Json::array();
    for (const OpenOrder::Name& name : order->names)
        names.push_back(
            {{"name", name.name}, {"status", name.status}, {"responded", name.responded}});
    return {{"url", text_or_null(order->url)},
            {"status", text_or_null(order->status)},
            {"created", rfc3339(order->created)},
            {"names", std::move(names)}};
}

Json line_json(const PlanLine& line) {
    return {{"names", line.names},
            {"resolver", text_or_null(line.resolver)},
            {"directory", line.directory},
            {"routers", line.routers},
            {"state", to_string(line.state)},
            {"serial", text_or_null(line.serial)},
            {"sha256", text_or_null(line.sha256)},
            {"not_before", time_or_null(line.not_before)},
            {"not_after", time_or_null(line.not_after)},
            {"next_action", to_string(line.next_action)},
            {"next_at", time_or_null(line.next_at)},
            {"why", text_or_null(line.why)},
            {"attempts", line.attempts},
            {"last_error", error_or_null(line.last_error)},
            {"order", order_or_null(line.open_order)},
            {"key_type", text_or_null(line.key_type)},
            {"source", text_or_null(line.source)},
            {"notes", line.notes}};
}

// ---- back; what is not as expected throws, and parse_lines says so ------------------------------

std::string text_of(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found == json.end() || found->is_null() ? std::string{} : found->get<std::string>();
}

std::optional<WallTime> time_of(const Json& json, const char* key) {
    const std::string text = text_of(json, key);
    if (text.empty()) return std::nullopt;
    return parse_rfc3339(text).value();
}

template <class Enum, std::size_t size>
Enum word_of(const std::string& word, const std::array<Enum, size>& all) {
    for (const Enum one : all)
        if (to_string(one) == word) return one;
    throw std::runtime_error("unknown word: " + word);
}

std::optional<OpenOrder> order_of(const Json& json) {
    if (json.is_null()) return std::nullopt;
    OpenOrder order;
    order.url = text_of(json, "url");
    order.status = text_of(json, "status");
    order.created = time_of(json, "created").value_or(WallTime{});
    for (const Json& name : json.at("names"))
        order.names.push_back(
            {text_of(name, "name"), text_of(name, "status"), name.value("responded", false)});
    return order;
}

PlanLine line_of(const Json& json) {
    using State = CertificateState;
    using Action = NextAction;
    constexpr std::array states{State::missing,
                                State::valid,
                                State::due,
                                State::expired,
                                State::not_yet_valid,
                                State::unwanted};
    constexpr std::array actions{
        Action::none, Action::order, Action::renew, Action::continue_order, Action::remove};
    PlanLine line;
    line.names = json.at("names").get<std::vector<std::string>>();
    line.resolver = text_of(json, "resolver");
    line.directory = text_of(json, "directory");
    line.routers = json.at("routers").get<std::vector<std::string>>();
    line.state = word_of(text_of(json, "state"), states);
    line.serial = text_of(json, "serial");
    line.sha256 = text_of(json, "sha256");
    line.not_before = time_of(json, "not_before");
    line.not_after = time_of(json, "not_after");
    line.next_action = word_of(text_of(json, "next_action"), actions);
    line.next_at = time_of(json, "next_at");
    line.why = text_of(json, "why");
    line.attempts = json.value("attempts", 0U);
    if (const auto error = json.find("last_error"); error != json.end() && !error->is_null())
        line.last_error = store::LastError{text_of(*error, "type"),
                                           text_of(*error, "detail"),
                                           time_of(*error, "at").value_or(WallTime{})};
    if (const auto order = json.find("order"); order != json.end())
        line.open_order = order_of(*order);
    line.key_type = text_of(json, "key_type");
    line.source = text_of(json, "source");
    line.notes = json.at("notes").get<std::vector<std::string>>();
    return line;
}

}  // namespace

std::string lines_json(const std::vector<PlanLine>& lines) {
    Json array = Json::array();
    for (const PlanLine& line : lines) array.push_back(line_json(line));
    return array.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::vector<PlanLine>> parse_lines(std::string_view json) {
    try {
        std::vector<PlanLine> lines;
        for (const Json& line : Json::parse(json)) lines.push_back(line_of(line));
        return lines;
    } catch (const std::exception& error) {
        return Error{Errc::invalid,
                     Origin::internal,
                     std::string("the list of certificates cannot be read: ") + error.what()};
    }
}

}  // namespace mesh::control
