#include "unit/control/support/memory_store.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <type_traits>

namespace mesh::control::test {
namespace {

template <class T>
inline constexpr bool unknown_change = false;

bool holds(const store::CertificateKey& key, const std::string& name) {
    return std::find(key.names.begin(), key.names.end(), name) != key.names.end();
}

}  // namespace

void MemoryStore::apply(store::Transition transition,
                        Executor& executor,
                        std::function<void(Result<store::Applied>)> done) {
    Result<store::Applied> result = store::Applied{};
    if (!is_writable)
        result = Error{Errc::permission, Origin::internal, "opened for reading only"};
    else if (fault)
        result = *fault;
    else if (auto refusal = refuse ? refuse(transition) : std::nullopt)
        result = *refusal;
    else
        result = apply_all(transition);
    if (result.has_error()) ++refused;
    executor.post([done = std::move(done), result] { done(result); });
    if (!result.has_error() && applied) applied(transition);
}

store::Applied MemoryStore::apply_all(const store::Transition& transition) {
    ++transitions;
    store::Applied result;
    for (const store::Change& change : transition)
        std::visit(
            [&](const auto& c) {
                using T = std::decay_t<decltype(c)>;
                if constexpr (std::is_same_v<T, store::PutAccount>) {
                    accounts_[c.account.directory] = c.account;
                } else if constexpr (std::is_same_v<T, store::PutAuthority>) {
                    authorities_[c.authority.directory] = c.authority;
                } else if constexpr (std::is_same_v<T, store::PutCertificate>) {
                    Row& row = rows_[c.certificate.key];
                    if (row.stored.certificate_id == 0) row.stored.certificate_id = next_id_++;
                    row.stored.record = c.certificate;
                } else if constexpr (std::is_same_v<T, store::DeleteCertificate>) {
                    rows_.erase(c.key);
                    orders_.erase(c.key);
                } else if constexpr (std::is_same_v<T, store::PutOrder>) {
                    REQUIRE(rows_.contains(c.order.key));
                    orders_[c.order.key] = c.order;
                } else if constexpr (std::is_same_v<T, store::DeleteOrder>) {
                    orders_.erase(c.key);
                } else if constexpr (std::is_same_v<T, store::PutVersion>) {
                    put_version(c, result);
                } else if constexpr (std::is_same_v<T, store::AddHistory>) {
                    history_.push_back(c.record);
                } else if constexpr (std::is_same_v<T, store::PutConfiguration>) {
                    // The control plane writes none.
                } else {
                    static_assert(unknown_change<T>);
                }
            },
            change);
    return result;
}

void MemoryStore::put_version(const store::PutVersion& change, store::Applied& made) {
    REQUIRE(rows_.contains(change.key));
    Row& row = rows_[change.key];
    row.stored.version_id = next_id_++;
    row.stored.version = change.facts;
    row.versions.push_back(row.stored.version_id);
    materials_[row.stored.version_id] = {change.chain_pem, change.key_pem};
    if (row.versions.size() > 3) {
        materials_.erase(row.versions.front());
        row.versions.erase(row.versions.begin());
    }
    made = {row.stored.certificate_id, row.stored.version_id};
}

Result<std::vector<store::StoredCertificate>> MemoryStore::certificates() {
    std::vector<store::StoredCertificate> result;
    for (const auto& [key, row] : rows_) result.push_back(row.stored);
    return result;
}

Result<store::VersionMaterial> MemoryStore::version(std::int64_t version_id) {
    const auto found = materials_.find(version_id);
    if (found == materials_.end())
        return Error{Errc::not_found, Origin::internal, "no such version"};
    return found->second;
}

Result<std::vector<store::OrderRecord>> MemoryStore::orders() {
    std::vector<store::OrderRecord> result;
    for (const auto& [key, order] : orders_) result.push_back(order);
    return result;
}

Result<std::vector<store::AccountRecord>> MemoryStore::accounts() {
    std::vector<store::AccountRecord> result;
    for (const auto& [of, account] : accounts_) result.push_back(account);
    return result;
}

Result<std::vector<store::AuthorityRecord>> MemoryStore::authorities() {
    std::vector<store::AuthorityRecord> result;
    for (const auto& [of, authority] : authorities_) result.push_back(authority);
    return result;
}

Result<std::vector<store::HistoryRecord>> MemoryStore::history(const store::CertificateKey& key,
                                                               std::size_t limit) {
    std::vector<store::HistoryRecord> result;
    for (auto record = history_.rbegin(); record != history_.rend(); ++record)
        if (record->key == key && result.size() < limit) result.push_back(*record);
    return result;
}

std::optional<store::StoredCertificate> MemoryStore::find(const std::string& name) const {
    for (const auto& [key, row] : rows_)
        if (holds(key, name)) return row.stored;
    return std::nullopt;
}

std::optional<store::OrderRecord> MemoryStore::order_of(const std::string& name) const {
    for (const auto& [key, order] : orders_)
        if (holds(key, name)) return order;
    return std::nullopt;
}

}  // namespace mesh::control::test
