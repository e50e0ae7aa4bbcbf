#pragma once
#include <string>
#include <string_view>

namespace mesh::config {

/// A container's or service's name as it can stand in the names of objects and hosts, as Traefik
/// makes it: "/shop_web.1" becomes "shop-web-1". Whatever is neither letter nor digit becomes '-';
/// several in a row become one, and none begins or ends the name. Beyond ASCII every printable
/// character counts as a letter. Empty when nothing is left.
[[nodiscard]] std::string normalized_name(std::string_view name);

}  // namespace mesh::config
