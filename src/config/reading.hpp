#pragma once
#include "config/schema.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

/// How the rows of the tables read the kinds of values that occur again and again.
namespace mesh::config {

/// Whether a name of the operator's choosing can be used; reports why not. Names stand in logs,
/// messages and `name@provider`, hence: not empty, at most 200 bytes, no control characters, no
/// '@'. `what` says what is named: "router".
[[nodiscard]] bool is_usable_name(const Field& named, std::string_view name, std::string_view what);

/// onRemove, of a router or an entry point.
[[nodiscard]] model::OnRemove read_on_remove(const Field& field);
inline constexpr std::string_view on_remove_help =
    "What becomes of established connections when this is removed from the configuration: `keep` "
    "lets them go on, `drain` gives them the `graceTimeOut` of the entry point, `close` ends them "
    "at once.";

/// How long a half-closed connection may go without a byte. Refuses what Traefik understands
/// otherwise: less than nothing, which is for ever there.
[[nodiscard]] std::chrono::milliseconds read_termination_delay(const Field& field);
/// The same in a service, where Traefik counts milliseconds: a bare number is refused.
[[nodiscard]] std::chrono::milliseconds read_service_termination_delay(const Field& field);

/// Reports a name that another file has given already, at `first`.
void report_twice(const Field& named, std::string_view what, const model::Location& first);

/// A map of named sections.
template <class T>
void read_named(const Field& field,
                std::string_view what,
                const Section<T>& section,
                std::map<std::string, T>& out) {
    if (!field.is_section()) return;
    for (std::size_t i = 0; i < field.size(); ++i) {
        const std::string_view name = field.key(i);
        const Field named = field.entry(i, name);
        if (!is_usable_name(named, name, what)) continue;
        if (const auto known = out.find(std::string(name)); known != out.end()) {
            report_twice(named, what, known->second.at);
            continue;
        }
        T& one = out[std::string(name)];
        one.at = named.key_at();
        decode_section(named, section, one);
    }
}

/// A list of sections.
template <class T>
void read_list(const Field& field, const Section<T>& section, std::vector<T>& out) {
    if (!field.is_list()) return;
    for (std::size_t i = 0; i < field.size(); ++i) {
        const Field item = field.item(i);
        T& one = out.emplace_back();
        one.at = item.at();
        decode_section(item, section, one);
    }
}

/// A section that is there or not.
template <class T>
void read_section(const Field& field, const Section<T>& section, std::optional<T>& out) {
    if (!field.is_optional_section()) return;
    if (out) return report_twice(field, "section", out->at);
    out.emplace();
    out->at = field.key_at();
    decode_options(field, section, *out);
}

/// `tls:` with nothing behind it turns TLS on, as it does in Traefik; says so.
void note_empty_tls(const Field& field);

template <class T>
void read_tls(const Field& field, const Section<T>& section, std::optional<T>& out) {
    read_section(field, section, out);
    note_empty_tls(field);
}

}  // namespace mesh::config
