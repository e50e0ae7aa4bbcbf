#pragma once
#include "acme/types.hpp"

namespace mesh::control {

/// Whom a rate limit met at newOrder stops.
enum class LimitScope { authority, certificate };

/// A CA speaks of "new orders", "requests" or "registrations" when the account is at its limit:
/// nobody gets an order before the time it gives. A limit on certificates of a domain, on the exact
/// set of names or on failed authorizations, and a pause of names, stop one certificate only.
/// The problem document has no field for this: the words are those of Let's Encrypt's server;
/// unknown ones stop the whole CA, which costs time but no further refusals.
[[nodiscard]] LimitScope limit_scope(const acme::Failure& failure);

}  // namespace mesh::control
