#include "app/stored_certificates.hpp"
#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace mesh;
using namespace mesh::app;

namespace {

const WallTime now = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 22));

class Lines final : public Log {
 public:
    void write(LogLevel level,
               std::string_view event,
               std::string_view,
               std::initializer_list<LogField> fields) override {
        std::string line(to_string(level));
        line.append(" ").append(event);
        for (const LogField& field : fields)
            line.append(" ").append(field.key).append("=").append(field.value);
        all.push_back(std::move(line));
    }
    [[nodiscard]] bool enabled(LogLevel) const override { return true; }

    std::vector<std::string> all;
};

/// A store whose reads of a certificate answer what the test says.
class ReadingStore final : public store::Store {
 public:
    Error error{Errc::io, Origin::internal, "cannot read /var/lib/mesh/mesh.db: disk I/O error"};
    std::optional<store::VersionMaterial> material;

    void apply(store::Transition, Executor&, std::function<void(Result<store::Applied>)>) override {
    }
    Result<std::vector<store::StoredCertificate>> certificates() override { return error; }
    Result<store::VersionMaterial> version(std::int64_t) override {
        if (material) return *material;
        return error;
    }
    Result<std::vector<store::OrderRecord>> orders() override { return error; }
    Result<std::vector<store::AccountRecord>> accounts() override { return error; }
    Result<std::vector<store::AuthorityRecord>> authorities() override { return error; }
    Result<std::vector<store::HistoryRecord>> history(const store::CertificateKey&,
                                                      std::size_t) override {
        return error;
    }
    [[nodiscard]] bool writable() const override { return true; }
};

certs::CertificateEntry entry(std::int64_t version, const std::string& name) {
    certs::CertificateEntry made;
    made.id = version;
    made.version = version;
    made.names.push_back(*HostPattern::parse(name));
    return made;
}

}  // namespace

TEST_CASE("credential source: a fault of the store is said once a minute, with its reason") {
    ManualClock clock(now);
    Lines log;
    ReadingStore store;
    CredentialSource source(&store, {}, clock, log);

    CHECK_FALSE(source.load(entry(1, "a.example")).has_value());
    CHECK_FALSE(source.load(entry(2, "b.example")).has_value());
    CHECK_FALSE(source.load(entry(1, "a.example")).has_value());
    REQUIRE(log.all.size() == 1);
    CHECK(log.all[0] ==
          "ERROR certificate_unreadable certificate=a.example "
          "reason=cannot read /var/lib/mesh/mesh.db: disk I/O error");

    clock.advance(std::chrono::minutes(1));
    CHECK_FALSE(source.load(entry(2, "b.example")).has_value());
    CHECK(log.all.size() == 2);
}

TEST_CASE("credential source: each certificate that is not right is named") {
    ManualClock clock(now);
    Lines log;
    ReadingStore store;
    store.material.emplace();
    store.material->chain_pem = "not a certificate";
    CredentialSource source(&store, {}, clock, log);

    const auto loaded = source.load(entry(1, "a.example"));
    REQUIRE_FALSE(loaded.has_value());
    CHECK_FALSE(certs::may_pass(loaded.error().code));
    CHECK_FALSE(source.load(entry(2, "b.example")).has_value());
    CHECK_FALSE(source.load(entry(2, "b.example")).has_value());
    REQUIRE(log.all.size() == 2);
    CHECK(log.all[0].find("certificate=a.example") != std::string::npos);
    CHECK(log.all[1].find("certificate=b.example") != std::string::npos);
}
