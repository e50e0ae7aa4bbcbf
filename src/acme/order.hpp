#pragma once
#include "acme/types.hpp"
#include "base/secret.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace mesh::acme {

/// One name's way through an order.
struct AuthorizationState {
    std::string url;
    std::string name;  ///< empty until fetched
    AuthorizationStatus status = AuthorizationStatus::pending;
    std::string challenge_url;
    std::string token;
    bool responded = false;  ///< the CA was told to validate
    /// Challenge types the CA offered, for the message when ours is not among them. Not stored.
    std::string offered_types;
    auto operator<=>(const AuthorizationState&) const = default;
};

/// Everything an order needs to go on after a crash; each change of it is one committed
/// transition. Written to the store as a row, so it holds nothing that cannot be stored.
struct OrderState {
    std::vector<std::string> names;  ///< as requested, main first
    std::string profile;
    std::string url;  ///< empty: newOrder was not answered yet
    OrderStatus status = OrderStatus::pending;
    std::string finalize_url;
    std::string certificate_url;
    std::optional<WallTime> expires;
    std::vector<AuthorizationState> authorizations;
    Secret key_pem;          ///< of the certificate; stored before finalize
    bool finalized = false;  ///< finalize may have reached the CA: ask before sending it again
};

// What to do next. One request each, except Present and MakeKey, which need none.
struct PlaceOrder {};
struct FetchAuthorization {
    std::size_t index;
};
struct Present {
    std::size_t index;
};  ///< publish the challenge, then Respond
struct Respond {
    std::size_t index;
};
struct PollAuthorization {
    std::size_t index;
};
struct PollOrder {};
struct MakeKey {};
struct Finalize {};
struct Download {};
struct GiveUp {
    std::string reason;
    std::size_t index = npos;
    static constexpr std::size_t npos = static_cast<std::size_t>(-1);
};

using Action = std::variant<PlaceOrder,
                            FetchAuthorization,
                            Present,
                            Respond,
                            PollAuthorization,
                            PollOrder,
                            MakeKey,
                            Finalize,
                            Download,
                            GiveUp>;

/// The one continuation of an order, from what is stored and which challenges this process has
/// already published (`presented[i]`; after a restart: none). Pure. Order: all authorizations are
/// fetched, then all presented, then all answered, so that the CA validates every name at the same
/// time; then the first that is not valid is polled until it is, then the next. With `now`, an
/// order past its `expires` is given up without asking. Source: RFC 8555 §7.1.6.
[[nodiscard]] Action next_action(const OrderState& order,
                                 const std::vector<bool>& presented,
                                 std::optional<WallTime> now = std::nullopt);

/// Folds an answer of the CA into the state. Pure. Indices of authorizations stay, unless the CA
/// lists one that was not there before. `index` must be one of them.
void apply(OrderState& order, const OrderResource& answer);
void apply(OrderState& order, std::size_t index, const AuthorizationResource& answer);

}  // namespace mesh::acme
