#pragma once
#include "config/label_objects.hpp"

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::config {

/// Which objects of a unit an error in its labels is about, as "tcp.routers.NAME@PROVIDER": by
/// `path`, the label's key. More than one where that is in doubt; a misspelled section counts as
/// that of an object of the same name. None where no object of that name is left.
[[nodiscard]] std::set<std::string> objects_concerned(std::string_view path,
                                                      const std::vector<std::string>& prefixes,
                                                      const UnitObjects& objects);

/// All objects of a unit.
[[nodiscard]] std::set<std::string> all_objects(const UnitObjects& objects);

/// The service or middleware that a label is about, whatever else is wrong with its key. In doubt
/// it is both. Nothing: about neither.
struct NamedInLabel {
    std::string_view name;
    bool is_service = false;
    bool is_middleware = false;
};
[[nodiscard]] std::optional<NamedInLabel> named_in_label(std::string_view key,
                                                         const std::vector<std::string>& prefixes);

/// What stands behind the object's name in the key: ".tls.options".
[[nodiscard]] std::string_view option_in_label(std::string_view path,
                                               const std::vector<std::string>& prefixes);

}  // namespace mesh::config
