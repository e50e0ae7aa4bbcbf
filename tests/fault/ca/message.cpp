#include "fault/ca/message.hpp"

#include <algorithm>
#include <strings.h>

namespace mesh::fault {
namespace {

bool is_named(const std::pair<std::string, std::string>& field, std::string_view name) {
    return field.first.size() == name.size() &&
           strncasecmp(field.first.data(), name.data(), name.size()) == 0;
}

std::string urn(std::string_view type) {
    return "urn:ietf:params:acme:error:" + std::string(type);
}

}  // namespace

Reply& Reply::header(std::string_view name, std::string_view value) {
    headers.erase(std::remove_if(headers.begin(),
                                 headers.end(),
                                 [&](const auto& field) { return is_named(field, name); }),
                  headers.end());
    return value.empty() ? *this : also(name, value);
}

std::string Reply::header(std::string_view name) const {
    const auto found = std::find_if(
        headers.begin(), headers.end(), [&](const auto& field) { return is_named(field, name); });
    return found == headers.end() ? std::string() : found->second;
}

Reply& Reply::also(std::string_view name, std::string_view value) {
    headers.emplace_back(name, value);
    return *this;
}

Reply& Reply::edit(const std::function<void(Json&)>& change) {
    Json object = Json::parse(body);
    change(object);
    body = object.dump();
    return *this;
}

Reply json_reply(int status, const Json& body) {
    Reply reply;
    reply.status = status;
    reply.body = body.dump();
    reply.header("Content-Type", "application/json");
    return reply;
}

Reply problem(int status, std::string_view type, std::string_view detail) {
    return problem(status, type, detail, {});
}

Reply problem(int status,
              std::string_view type,
              std::string_view detail,
              const std::vector<NamedReason>& reasons) {
    Json body{{"type", urn(type)}, {"detail", detail}, {"status", status}};
    for (const NamedReason& reason : reasons)
        body["subproblems"].push_back({{"type", urn(reason.type)},
                                       {"detail", reason.detail},
                                       {"identifier", {{"type", "dns"}, {"value", reason.name}}}});
    Reply reply = json_reply(status, body);
    reply.header("Content-Type", "application/problem+json");
    return reply;
}

Reply web_page(int status) {
    Reply reply;
    reply.status = status;
    reply.body = "<!DOCTYPE html><html><body><h1>Be right back</h1></body></html>";
    reply.header("Content-Type", "text/html");
    return reply;
}

}  // namespace mesh::fault
