#pragma once
#include "acme/types.hpp"
#include "base/hostname.hpp"
#include "base/result.hpp"
#include "control/order_run.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// How an order speaks of what happened to it.
namespace mesh::control {

[[nodiscard]] bool may_still_be_validated(acme::AuthorizationStatus status);
/// The CA's words with the link it gave, printable; without a problem document ours.
[[nodiscard]] std::string words_of(const acme::Failure& failure);
[[nodiscard]] OrderFailure describe(const acme::Failure& failure);
/// A failure of type "mesh:<type>", found here or in what the CA sent. `detail` is made printable.
[[nodiscard]] OrderFailure our_finding(const std::string& type, std::string_view detail);
[[nodiscard]] acme::Failure our_failure(acme::FailureClass kind, std::string message);
/// "a, b"; "none" for none.
[[nodiscard]] std::string joined(const std::vector<std::string>& words);
[[nodiscard]] Result<std::vector<HostPattern>> patterns(const std::vector<std::string>& names);

}  // namespace mesh::control
