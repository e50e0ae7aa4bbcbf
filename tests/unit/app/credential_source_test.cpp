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
    std::optional<store::VersionMaterial> copy;
    Error copy_error{Errc::not_found, Origin::internal, "there is no copy"};

    void apply(store::Transition, Executor&, std::function<void(Result<store::Applied>)>) override {
    }
    Result<std::vector<store::StoredCertificate>> certificates() override { return error; }
    Result<store::VersionMaterial> version(std::int64_t) override {
        if (material) return *material;
        return error;
    }
    Result<store::VersionMaterial> version_of_copy(std::int64_t) override {
        if (copy) return *copy;
        return copy_error;
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

constexpr const char* name_of_pair = "mesh.default.invalid";

store::VersionMaterial a_pair() {
    const auto made = tls::make_default_credential(now);
    REQUIRE(made.has_value());
    return {(*made)->chain().to_pem(), (*made)->key().to_pem()};
}

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
    CredentialSource source(
        &store, {}, [](const certs::CertificateEntry&) {}, clock, log);

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
    CredentialSource source(
        &store, {}, [](const certs::CertificateEntry&) {}, clock, log);

    const auto loaded = source.load(entry(1, "a.example"));
    REQUIRE_FALSE(loaded.has_value());
    CHECK_FALSE(certs::may_pass(loaded.error().code));
    CHECK_FALSE(source.load(entry(2, "b.example")).has_value());
    CHECK_FALSE(source.load(entry(2, "b.example")).has_value());
    REQUIRE(log.all.size() == 2);
    CHECK(log.all[0].find("certificate=a.example") != std::string::npos);
    CHECK(log.all[1].find("certificate=b.example") != std::string::npos);
}

TEST_CASE("F87: credential source: what the store cannot give comes from its copy, and is named") {
    ManualClock clock(now);
    Lines log;
    ReadingStore store;
    std::vector<std::int64_t> lost;
    CredentialSource source(
        &store, {}, [&](const auto& entry) { lost.push_back(entry.id); }, clock, log);
    store.copy = a_pair();
    store.error = {Errc::corrupt, Origin::internal, "chain and key of version 1 are damaged"};
    CHECK(source.load(entry(1, name_of_pair)).has_value());  // a page or a row

    store.material = a_pair();
    store.material->key_pem = a_pair().key_pem;
    CHECK(source.load(entry(2, name_of_pair)).has_value());  // another's key

    store.material->chain_pem = "not a certificate";
    CHECK(source.load(entry(3, name_of_pair)).has_value());
    CHECK(lost.empty());
    REQUIRE(log.all.size() == 3);
    CHECK(log.all[0] ==
          "ERROR certificate_unreadable certificate=mesh.default.invalid "
          "reason=chain and key of version 1 are damaged");
}

TEST_CASE("credential source: the chain of another certificate is served to nobody") {
    ManualClock clock(now);
    Lines log;
    ReadingStore store;
    std::vector<std::int64_t> lost;
    CredentialSource source(
        &store, {}, [&](const auto& entry) { lost.push_back(entry.version); }, clock, log);
    store.material = a_pair();
    CHECK(source.load(entry(1, name_of_pair)).has_value());

    const auto loaded = source.load(entry(2, "a.example"));

    REQUIRE_FALSE(loaded.has_value());
    CHECK(loaded.error().code == Errc::corrupt);
    CHECK_THAT(loaded.error().message, ContainsSubstring("a.example"));
    CHECK(lost == std::vector<std::int64_t>{2});
    certs::CertificateEntry both = entry(3, name_of_pair);
    both.names.push_back(*HostPattern::parse("a.example"));
    CHECK_FALSE(source.load(both).has_value());
}

TEST_CASE(
    "F87: credential source: what neither has is told to who orders, a passing fault is not") {
    ManualClock clock(now);
    Lines log;
    ReadingStore store;
    std::vector<std::int64_t> lost;
    CredentialSource source(
        &store, {}, [&](const auto& entry) { lost.push_back(entry.version); }, clock, log);
    CHECK_FALSE(source.load(entry(1, "a.example")).has_value());
    CHECK(lost.empty());

    store.error = {Errc::corrupt, Origin::internal, "chain and key of version 2 are damaged"};
    const auto loaded = source.load(entry(2, "b.example"));
    REQUIRE_FALSE(loaded.has_value());
    CHECK(loaded.error().code == Errc::corrupt);
    store.copy.emplace();
    store.copy->chain_pem = "not a certificate either";
    CHECK_FALSE(source.load(entry(3, "c.example")).has_value());
    CHECK(lost == std::vector<std::int64_t>{2, 3});

    for (const Errc passing : {Errc::io, Errc::internal}) {
        store.copy.reset();
        store.copy_error = {passing, Origin::internal, "the copy cannot be read just now"};
        CHECK_FALSE(source.load(entry(4, "d.example")).has_value());
    }
    CHECK(lost == std::vector<std::int64_t>{2, 3});
}
