#include "acme/problem_json.hpp"
#include "acme/resources.hpp"

namespace mesh::acme {

namespace {

constexpr std::size_t type_size_max = 256;
constexpr std::size_t detail_size_max = 4096;
constexpr std::size_t raw_size_max = 4096;
constexpr std::size_t subproblems_max = 100;

std::string cut(std::string text, std::size_t size) {
    if (text.size() > size) text.resize(size);
    return text;
}

std::string identifier_of(const Json& subproblem) {
    const Json* identifier = member(subproblem, "identifier");
    return identifier == nullptr ? std::string() : text_member(*identifier, "value");
}

Problem from_json(const Json& object) {
    Problem problem;
    problem.type = cut(text_member(object, "type"), type_size_max);
    problem.detail = cut(text_member(object, "detail"), detail_size_max);
    if (const Json* status = member(object, "status");
        status != nullptr && status->is_number_integer()) {
        const auto number = status->get<std::int64_t>();
        if (number >= 100 && number <= 599) problem.status = static_cast<int>(number);
    }
    const Json* subproblems = member(object, "subproblems");
    if (subproblems == nullptr || !subproblems->is_array()) return problem;
    for (const Json& sub : *subproblems) {
        if (problem.subproblems.size() == subproblems_max) break;
        if (!sub.is_object()) continue;
        problem.subproblems.push_back({cut(text_member(sub, "type"), type_size_max),
                                       cut(text_member(sub, "detail"), detail_size_max),
                                       cut(identifier_of(sub), type_size_max)});
    }
    return problem;
}

std::string_view last_part(std::string_view type) {
    const std::size_t colon = type.rfind(':');
    return colon == std::string_view::npos ? type : type.substr(colon + 1);
}

std::string line(std::string_view type, const std::string& detail) {
    std::string text(last_part(type));
    if (!text.empty() && !detail.empty()) text += ": ";
    return text + detail;
}

}  // namespace

std::string_view Problem::name() const {
    return last_part(type);
}

std::string Problem::text() const {
    std::string text = line(type, detail);
    if (text.empty()) text = "HTTP status " + std::to_string(status) + " without a reason";
    for (const Sub& sub : subproblems) {
        text += "; ";
        if (!sub.identifier.empty()) text += sub.identifier + ": ";
        text += line(sub.type, sub.detail);
    }
    return text;
}

Problem read_problem(int status, std::string_view body) {
    Problem problem;
    if (const auto object = parse_object(body)) problem = from_json(object->root);
    problem.status = status;
    problem.raw = std::string(body.substr(0, raw_size_max));
    return problem;
}

std::optional<Problem> problem_member(const Json& object, const char* name) {
    const Json* value = member(object, name);
    if (value == nullptr || !value->is_object()) return std::nullopt;
    Problem problem = from_json(*value);
    problem.raw = cut(to_text(*value), raw_size_max);
    return problem;
}

}  // namespace mesh::acme
