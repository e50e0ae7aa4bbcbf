#include "control/account_keeper.hpp"

#include <utility>

namespace mesh::control {
namespace {

acme::Failure failure(acme::FailureClass kind, std::string message) {
    acme::Failure result;
    result.kind = kind;
    result.message = std::move(message);
    return result;
}

}  // namespace

AccountKeeper::AccountKeeper(std::string directory,
                             std::optional<store::AccountRecord> stored,
                             StoreGate& gate,
                             const Clock& clock,
                             Log& log)
    : gate_(gate), clock_(clock), log_(log) {
    if (stored) record_ = std::move(*stored);
    record_.directory = std::move(directory);
    email_ = record_.email;
    key_stored_ = !record_.key_pem.empty();
    if (!key_stored_) return;
    if (auto key = tls::PrivateKey::from_pem(record_.key_pem.reveal()))
        account_ = acme::Account{std::move(*key), record_.url};
}

bool AccountKeeper::set_email(const std::string& email) {
    email_ = email;
    return email_ != record_.email;
}

void AccountKeeper::forget_registration() {
    record_.url.clear();
    if (account_) account_->url.clear();
}

void AccountKeeper::note_stopped(const std::string& reason) {
    // A key that does not parse is not written back: the store tells by its checksum that it is
    // damaged, and keeps the good one in its copy.
    if (!account_) return;
    if (reason.empty() && !is_stopped()) return;
    const std::string status = reason.empty() ? "valid" : reason;
    if (std::exchange(record_.status, status) != status) gate_.commit({store::PutAccount{record_}});
}

std::optional<acme::Failure> AccountKeeper::load_or_make_key() {
    if (account_) return std::nullopt;
    if (!record_.key_pem.empty())
        return failure(acme::FailureClass::account_stopped,
                       "the stored account key does not parse; it is not replaced");
    auto key = tls::PrivateKey::generate(tls::KeyType::ec256);
    if (!key) return failure(acme::FailureClass::account_stopped, key.error().message);
    record_.key_pem = key->to_pem();
    record_.created = clock_.now();
    account_ = acme::Account{std::move(*key), {}};
    return std::nullopt;
}

void AccountKeeper::ensure(acme::Client& client, Done done) {
    client_ = &client;
    done_ = std::move(done);
    if (auto trouble = load_or_make_key()) {
        finish(std::move(trouble));
        return;
    }
    record_.email = email_;
    if (key_stored_)
        register_key();
    else
        store_key();
}

void AccountKeeper::drop_client() {
    client_ = nullptr;
    done_ = {};
}

void AccountKeeper::store_key() {
    if (std::exchange(storing_key_, true)) return;
    gate_.commit(
        {store::PutAccount{record_}},
        [this, alive = std::weak_ptr<int>(alive_)](const store::Applied&) {
            if (alive.expired()) return;
            storing_key_ = false;
            key_stored_ = true;
            register_key();
        },
        {},
        [this, alive = std::weak_ptr<int>(alive_)](const Error& error) {
            if (alive.expired()) return;
            storing_key_ = false;
            finish(failure(acme::FailureClass::config,
                           "the account key cannot be stored: " + error.message));
        });
}

void AccountKeeper::register_key() {
    if (client_ == nullptr) return;
    client_->new_account(
        account_->key, email_, [this](acme::Outcome<acme::AccountResource> answer) {
            if (answer.has_error())
                finish(answer.error());
            else
                registered(*answer);
        });
}

void AccountKeeper::registered(const acme::AccountResource& resource) {
    if (!resource.status.empty() && resource.status != "valid") {
        finish(failure(acme::FailureClass::account_stopped,
                       "the CA keeps this account as " + resource.status));
        return;
    }
    record_.url = resource.url;
    record_.status = "valid";
    account_->url = resource.url;
    log_.info("account_ready",
              "the CA has our account; its terms count as agreed to",
              {{"directory", record_.directory},
               {"account", record_.url},
               {"email", record_.email},
               {"terms", client_->terms_of_service()}});
    gate_.commit(
        {store::PutAccount{record_}},
        [this, alive = std::weak_ptr<int>(alive_)](const store::Applied&) {
            if (!alive.expired()) finish(std::nullopt);
        },
        {},
        [this, alive = std::weak_ptr<int>(alive_)](const Error&) {
            // The key is stored: with it the CA tells the same URL again after a start.
            if (!alive.expired()) finish(std::nullopt);
        });
}

void AccountKeeper::finish(std::optional<acme::Failure> failure) {
    if (const Done done = std::exchange(done_, {})) done(std::move(failure));
}

}  // namespace mesh::control
