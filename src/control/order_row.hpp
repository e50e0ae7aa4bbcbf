#pragma once
#include "acme/order.hpp"
#include "base/result.hpp"
#include "store/records.hpp"

namespace mesh::control {

/// An order as its row, and back: `from_row(to_row(order))` is the order again, in every state.
[[nodiscard]] store::OrderRecord to_row(const store::CertificateKey& key,
                                        const acme::OrderState& order,
                                        WallTime created);
/// Errors: corrupt (a status text this version does not know).
[[nodiscard]] Result<acme::OrderState> from_row(const store::OrderRecord& row);

/// True if both would be the same row, so that nothing has to be committed.
[[nodiscard]] bool same_row(const acme::OrderState& a, const acme::OrderState& b);

/// Whether the CA was told to look for a challenge of this order, and may not have done so yet.
[[nodiscard]] bool may_be_looked_at(const store::OrderRecord& row);

}  // namespace mesh::control
