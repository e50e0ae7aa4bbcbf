#include "config/reading.hpp"

#include "config/codes.hpp"

#include <algorithm>

namespace mesh::config {
namespace {

constexpr std::size_t name_size_max = 200;

constexpr Choice<model::OnRemove> on_remove_words[] = {
    {"keep", model::OnRemove::keep},
    {"drain", model::OnRemove::drain},
    {"close", model::OnRemove::close},
};

std::string_view name_problem(std::string_view name) {
    if (name.empty()) return "is empty";
    if (name.size() > name_size_max) return "is longer than 200 bytes";
    if (name.find('@') != std::string_view::npos)
        return "holds an '@', which stands before a provider";
    const bool control = std::any_of(name.begin(), name.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7F;
    });
    return control ? "holds a control character" : "";
}

}  // namespace

bool is_usable_name(const Field& named, std::string_view name, std::string_view what) {
    const std::string_view problem = name_problem(name);
    if (problem.empty()) return true;
    named.problems().error(codes::bad_name,
                           named.key_at(),
                           "the name of this " + std::string(what) + ' ' + std::string(problem));
    return false;
}

void note_empty_tls(const Field& field) {
    if (field.kind() != NodeKind::null) return;
    field.problems().note(codes::empty_section,
                          field.at(),
                          "\"tls\" with nothing behind it counts as tls: {}",
                          "write tls: {}");
}

void report_twice(const Field& named, std::string_view what, const model::Location& first) {
    named.problems().error(codes::duplicate,
                           named.key_at(),
                           "this " + std::string(what) + " is given twice",
                           "it stands first in " + *first.file + ':' + std::to_string(first.line) +
                               ':' + std::to_string(first.column));
}

model::OnRemove read_on_remove(const Field& field) {
    return field.choice(on_remove_words);
}

}  // namespace mesh::config
