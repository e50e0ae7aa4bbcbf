#pragma once
#include "store/store.hpp"

#include <functional>
#include <map>
#include <optional>

namespace mesh::control::test {

/// The store's contract in memory. Commits complete one task later, as the real one's do.
class MemoryStore final : public store::Store {
 public:
    void apply(store::Transition transition,
               Executor& executor,
               std::function<void(Result<store::Applied>)> done) override;
    Result<std::vector<store::StoredCertificate>> certificates() override;
    Result<store::VersionMaterial> version(std::int64_t version_id) override;
    Result<std::vector<store::OrderRecord>> orders() override;
    Result<std::vector<store::AccountRecord>> accounts() override;
    Result<std::vector<store::AuthorityRecord>> authorities() override;
    Result<std::vector<store::HistoryRecord>> history(const store::CertificateKey& key,
                                                      std::size_t limit) override;
    [[nodiscard]] bool writable() const override { return is_writable; }

    /// The row of these names, whatever the directory; nothing when there is none.
    [[nodiscard]] std::optional<store::StoredCertificate> find(const std::string& name) const;
    [[nodiscard]] std::optional<store::OrderRecord> order_of(const std::string& name) const;

    bool is_writable = true;
    std::optional<Error> fault;  ///< every apply fails with this
    /// Fails single transitions.
    std::function<std::optional<Error>(const store::Transition&)> refuse;
    /// Called after a transition was applied, before its completion runs.
    std::function<void(const store::Transition&)> applied;
    std::size_t transitions = 0;
    std::size_t refused = 0;

 private:
    struct Row {
        store::StoredCertificate stored;
        std::vector<std::int64_t> versions;  ///< newest last
    };
    store::Applied apply_all(const store::Transition& transition);
    void put_version(const store::PutVersion& change, store::Applied& made);

    std::map<store::CertificateKey, Row> rows_;
    std::map<store::CertificateKey, store::OrderRecord> orders_;
    std::map<std::int64_t, store::VersionMaterial> materials_;
    std::map<std::string, store::AccountRecord> accounts_;
    std::map<std::string, store::AuthorityRecord> authorities_;
    std::vector<store::HistoryRecord> history_;
    std::int64_t next_id_ = 1;
};

}  // namespace mesh::control::test
