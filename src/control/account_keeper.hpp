#pragma once
#include "acme/client.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "control/store_gate.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace mesh::control {

/// The account at one CA. Its key (EC P-256) is made once, stored before the CA hears of it, and
/// never made again: whatever happens to the account, newAccount with the same key finds it or
/// makes it anew (RFC 8555 §7.3.1).
class AccountKeeper {
 public:
    using Done = std::function<void(std::optional<acme::Failure>)>;

    AccountKeeper(std::string directory,
                  std::optional<store::AccountRecord> stored,
                  StoreGate& gate,
                  const Clock& clock,
                  Log& log);

    [[nodiscard]] bool ready() const { return account_.has_value() && !account_->url.empty(); }
    /// Only when ready.
    [[nodiscard]] const acme::Account& account() const { return *account_; }

    /// Makes what is missing: key, registration, each stored before the next. `done` runs once,
    /// with nothing when ready. A later call replaces `client` and `done` of an earlier one.
    void ensure(acme::Client& client, Done done);
    /// The client of the last `ensure` goes away; its `done` will not run.
    void drop_client();
    /// The CA does not know the account any more: the next `ensure` registers the same key.
    void forget_registration();
    /// What the next registration says. True if it differs from what the last one said.
    bool set_email(const std::string& email);
    [[nodiscard]] const store::AccountRecord& record() const { return record_; }
    /// Stores why the CA refuses the account, or (empty) that it does not any more.
    void note_stopped(const std::string& reason);
    [[nodiscard]] bool is_stopped() const {
        return !record_.status.empty() && record_.status != "valid";
    }

 private:
    [[nodiscard]] std::optional<acme::Failure> load_or_make_key();
    void store_key();
    void register_key();
    void registered(const acme::AccountResource& resource);
    void finish(std::optional<acme::Failure> failure);

    StoreGate& gate_;
    const Clock& clock_;
    Log& log_;
    store::AccountRecord record_;
    std::optional<acme::Account> account_;
    std::string email_;
    bool key_stored_ = false;
    bool storing_key_ = false;
    acme::Client* client_ = nullptr;
    Done done_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace mesh::control
