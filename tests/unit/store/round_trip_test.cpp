#include "fixture.hpp"

#include <algorithm>

namespace mesh::store {
namespace {

struct OpenStore {
    TempFolder folder;
    TestExecutor executor;
    std::unique_ptr<Store> store = open_own(folder.file("mesh.db"));

    void put(Transition transition) {
        const Result<Applied> applied = commit(*store, executor, std::move(transition));
        if (!applied) throw std::runtime_error(applied.error().message);
    }
    void reopen() {
        store.reset();
        store = open_own(folder.file("mesh.db"));
    }
};

bool same(const std::optional<LastError>& a, const std::optional<LastError>& b) {
    if (!a || !b) return a.has_value() == b.has_value();
    return a->type == b->type && a->detail == b->detail && a->at == b->at;
}

bool same(const CertificateRecord& a, const CertificateRecord& b) {
    return a.key == b.key && a.ordered_names == b.ordered_names && a.resolver == b.resolver &&
           a.state == b.state && a.attempts == b.attempts && a.next_at == b.next_at &&
           same(a.last_error, b.last_error) && a.unwanted_since == b.unwanted_since &&
           a.asked_until == b.asked_until && a.renewal_asked == b.renewal_asked;
}

bool same(const OrderRecord& a, const OrderRecord& b) {
    return a.key == b.key && a.names == b.names && a.profile == b.profile && a.url == b.url &&
           a.status == b.status && a.finalize_url == b.finalize_url &&
           a.certificate_url == b.certificate_url && a.expires == b.expires &&
           a.authorizations == b.authorizations && a.key_pem == b.key_pem &&
           a.finalized == b.finalized && a.created == b.created;
}

OrderRecord an_order(const std::string& status) {
    OrderRecord order;
    order.key = key_of({"a.example", "b.example"});
    order.names = {"b.example", "a.example"};
    order.profile = "shortlived";
    order.url = "https://ca.example/order/1";
    order.status = status;
    order.finalize_url = "https://ca.example/order/1/finalize";
    order.certificate_url = "https://ca.example/cert/1";
    order.expires = at(1'700'600'000);
    order.authorizations = {{"https://ca.example/authz/1",
                             "b.example",
                             "valid",
                             "https://ca.example/c/1",
                             "tok1",
                             true},
                            {"https://ca.example/authz/2", "a.example", "pending", "", "", false}};
    order.key_pem = Secret("-----BEGIN PRIVATE KEY-----\norder\n");
    order.finalized = status == "processing";
    order.created = at(1'700'000'000);
    return order;
}

}  // namespace

TEST_CASE("store: an account comes back as it was put, after a restart too", "[store]") {
    OpenStore opened;
    const AccountRecord account{directory,
                                "admin@example.com",
                                Secret("-----BEGIN PRIVATE KEY-----\naccount\n"),
                                "https://ca.example/acct/7",
                                "valid",
                                WallTime{std::chrono::milliseconds{1'700'000'000'123}}};
    opened.put({PutAccount{account}});
    opened.reopen();

    const auto accounts = opened.store->accounts();
    REQUIRE(accounts);
    REQUIRE(accounts->size() == 1);
    const AccountRecord& found = accounts->front();
    CHECK(found.directory == account.directory);
    CHECK(found.email == account.email);
    CHECK(found.key_pem == account.key_pem);
    CHECK(found.url == account.url);
    CHECK(found.status == account.status);
    CHECK(found.created == account.created);
}

TEST_CASE("store: an account put again replaces the one of its directory", "[store]") {
    OpenStore opened;
    AccountRecord account{directory, "", Secret("key"), "", "", at(1)};
    opened.put({PutAccount{account}});
    account.url = "https://ca.example/acct/8";
    account.status = "valid";
    opened.put({PutAccount{account}});

    const auto accounts = opened.store->accounts();
    REQUIRE(accounts);
    REQUIRE(accounts->size() == 1);
    CHECK(accounts->front().url == "https://ca.example/acct/8");
}

TEST_CASE("store: a CA's rate limit comes back, and its end too", "[store]") {
    OpenStore opened;
    const WallTime until = at(1'700'003'600);
    opened.put({PutAuthority{{directory, until, "too many new orders", until}}});
    auto authorities = opened.store->authorities();
    REQUIRE(authorities);
    REQUIRE(authorities->size() == 1);
    CHECK(authorities->front().directory == directory);
    CHECK(authorities->front().retry_not_before == at(1'700'003'600));
    CHECK(authorities->front().reason == "too many new orders");
    CHECK(authorities->front().asked_until == until);

    opened.put({PutAuthority{{directory, std::nullopt, ""}}});
    authorities = opened.store->authorities();
    REQUIRE(authorities);
    REQUIRE(authorities->size() == 1);
    CHECK_FALSE(authorities->front().retry_not_before);
    CHECK_FALSE(authorities->front().asked_until);
}

TEST_CASE("store: the configuration comes back as it was applied last, file by file", "[store]") {
    OpenStore opened;
    CHECK_FALSE(opened.store->configuration()->has_value());
    ConfigurationRecord record{{{"/etc/mesh/mesh.yaml", "email: ${EMAIL}\n"},
                                {"/etc/mesh/conf.d/a.yaml", ""},
                                {"/etc/mesh/conf.d/b.yaml", std::string(200'000, 'x')}},
                               at(1'700'000'000)};
    opened.put({PutConfiguration{record}});
    record.files.pop_back();
    record.applied = at(1'700'000'060);
    opened.put({PutConfiguration{record}});
    opened.reopen();
    const auto configuration = opened.store->configuration();
    REQUIRE(configuration.has_value());
    REQUIRE(configuration->has_value());
    REQUIRE((*configuration)->files.size() == 2);
    CHECK((*configuration)->files[0].path == "/etc/mesh/mesh.yaml");
    CHECK((*configuration)->files[0].text == "email: ${EMAIL}\n");
    CHECK((*configuration)->files[1].text.empty());
    CHECK((*configuration)->applied == at(1'700'000'060));
}

TEST_CASE("store: a certificate's schedule comes back with and without its optional parts",
          "[store]") {
    OpenStore opened;
    CertificateRecord full;
    full.key = key_of({"a.example", "b.example"});
    full.ordered_names = {"b.example", "a.example"};
    full.resolver = "myresolver";
    full.state = "backing off";
    full.attempts = 3;
    full.next_at = WallTime{std::chrono::milliseconds{1'700'000'000'999}};
    full.last_error = LastError{"urn:ietf:params:acme:error:dns", "no \"A\" record\n", at(1'699)};
    full.unwanted_since = at(1'698);
    full.asked_until = at(1'700);
    full.renewal_asked = at(1'701);
    const CertificateRecord plain = a_certificate("plain.example");
    opened.put({PutCertificate{full}, PutCertificate{plain}});
    opened.reopen();

    auto certificates = opened.store->certificates();
    REQUIRE(certificates);
    REQUIRE(certificates->size() == 2);
    CHECK(same((*certificates)[0].record, full));
    CHECK(same((*certificates)[1].record, plain));
    CHECK((*certificates)[0].version_id == 0);
    CHECK_FALSE((*certificates)[0].version);

    const std::int64_t id = (*certificates)[0].certificate_id;
    full.last_error.reset();
    full.next_at.reset();
    full.unwanted_since.reset();
    full.attempts = 0;
    opened.put({PutCertificate{full}});
    certificates = opened.store->certificates();
    REQUIRE(certificates);
    CHECK(same((*certificates)[0].record, full));
    CHECK((*certificates)[0].certificate_id == id);
}

TEST_CASE("store: names in another order are the same certificate", "[store]") {
    OpenStore opened;
    CertificateRecord record = a_certificate("a.example");
    record.key.names = {"b.example", "a.example", "b.example"};
    opened.put({PutCertificate{record}});
    record.key.names = {"a.example", "b.example"};
    opened.put({PutCertificate{record}});

    const auto certificates = opened.store->certificates();
    REQUIRE(certificates);
    REQUIRE(certificates->size() == 1);
    CHECK(certificates->front().record.key.names ==
          std::vector<std::string>{"a.example", "b.example"});
}

TEST_CASE("store: the same names of two CAs are two certificates", "[store]") {
    OpenStore opened;
    CertificateRecord other = a_certificate("a.example");
    other.key.directory = "https://other.example/dir";
    opened.put({PutCertificate{a_certificate("a.example")}, PutCertificate{other}});

    const auto certificates = opened.store->certificates();
    REQUIRE(certificates);
    CHECK(certificates->size() == 2);
}

TEST_CASE("store: what is served are the certificates with a version, and that one's dates",
          "[store]") {
    OpenStore opened;
    CertificateRecord other = a_certificate("b.example");
    other.key.directory = "https://other.example/dir";
    other.key.names = {"b.example", "a.example"};
    other.unwanted_since = at(1'698);
    PutVersion of_other = a_version("b.example", "key");
    of_other.key = other.key;
    PutVersion second = a_version("a.example", "another key");
    second.facts.not_before = at(1'750'000'000);
    second.facts.not_after = at(1'757'776'000);
    opened.put({PutCertificate{a_certificate("none.example")},
                PutCertificate{a_certificate("a.example")},
                a_version("a.example", "key"),
                PutCertificate{other},
                of_other,
                second});

    const auto served = opened.store->served_certificates();
    const auto all = opened.store->certificates();
    REQUIRE(served);
    REQUIRE(all);
    REQUIRE(served->size() == 2);
    const ServedCertificate& a = (*served)[0];
    CHECK(a.names == std::vector<std::string>{"a.example"});
    CHECK(a.certificate_id == (*all)[1].certificate_id);
    CHECK(a.version_id == (*all)[1].version_id);
    CHECK(a.not_before == second.facts.not_before);
    CHECK(a.not_after == second.facts.not_after);
    CHECK(a.wanted);
    const ServedCertificate& b = (*served)[1];
    CHECK(b.names == std::vector<std::string>{"a.example", "b.example"});
    CHECK(b.directory == other.key.directory);
    CHECK_FALSE(b.wanted);
}

TEST_CASE("store: a version's facts and material come back, also with NUL and non-ASCII bytes",
          "[store]") {
    OpenStore opened;
    PutVersion version = a_version("a.example", std::string("key\0\xff", 5));
    version.chain_pem = std::string("chain\0\xc3\xa4", 8);
    version.facts.profile = "tlsserver";
    const Result<Applied> applied = commit(
        *opened.store, opened.executor, {PutCertificate{a_certificate("a.example")}, version});
    REQUIRE(applied);
    opened.reopen();

    const auto certificates = opened.store->certificates();
    REQUIRE(certificates);
    REQUIRE(certificates->size() == 1);
    const StoredCertificate& stored = certificates->front();
    CHECK(stored.certificate_id == applied->certificate_id);
    CHECK(stored.version_id == applied->version_id);
    REQUIRE(stored.version);
    CHECK(stored.version->not_before == version.facts.not_before);
    CHECK(stored.version->not_after == version.facts.not_after);
    CHECK(stored.version->serial == version.facts.serial);
    CHECK(stored.version->sha256 == version.facts.sha256);
    CHECK(stored.version->key_type == version.facts.key_type);
    CHECK(stored.version->profile == version.facts.profile);
    CHECK(stored.version->source == version.facts.source);
    CHECK(stored.version->created == version.facts.created);

    const auto material = opened.store->version(applied->version_id);
    REQUIRE(material);
    CHECK(material->chain_pem == version.chain_pem);
    CHECK(material->key_pem == version.key_pem);
}

TEST_CASE("store: a version that does not exist is not_found", "[store]") {
    OpenStore opened;
    const auto material = opened.store->version(4711);
    REQUIRE_FALSE(material);
    CHECK(material.error().code == Errc::not_found);
}

TEST_CASE("store: an order comes back in every status", "[store]") {
    const std::string status = GENERATE("",
                                        "pending",
                                        "ready",
                                        "processing",
                                        "valid",
                                        "invalid",
                                        "deactivated",
                                        "some status of the future");
    OpenStore opened;
    CertificateRecord record = a_certificate("a.example");
    const OrderRecord order = an_order(status);
    record.key = order.key;
    opened.put({PutCertificate{record}, PutOrder{order}});
    opened.reopen();

    const auto orders = opened.store->orders();
    REQUIRE(orders);
    REQUIRE(orders->size() == 1);
    CHECK(same(orders->front(), order));
}

TEST_CASE("store: an order put again replaces the certificate's order, authorizations and all",
          "[store]") {
    OpenStore opened;
    CertificateRecord record = a_certificate("a.example");
    OrderRecord order = an_order("pending");
    record.key = order.key;
    opened.put({PutCertificate{record}, PutOrder{order}});
    order.status = "ready";
    order.expires.reset();
    order.authorizations = {order.authorizations[1]};
    opened.put({PutOrder{order}});

    auto orders = opened.store->orders();
    REQUIRE(orders);
    REQUIRE(orders->size() == 1);
    CHECK(same(orders->front(), order));

    opened.put({DeleteOrder{order.key}});
    orders = opened.store->orders();
    REQUIRE(orders);
    CHECK(orders->empty());
    opened.put({DeleteOrder{order.key}});  // once more is no error
}

TEST_CASE("store: deleting a certificate takes its versions and its order, not its history",
          "[store]") {
    OpenStore opened;
    CertificateRecord record = a_certificate("a.example");
    OrderRecord order = an_order("pending");
    order.key = record.key;
    const Result<Applied> applied =
        commit(*opened.store,
               opened.executor,
               {PutCertificate{record},
                PutOrder{order},
                a_version("a.example", "key"),
                AddHistory{{record.key, at(5), "issued", "serial 0a1b"}}});
    REQUIRE(applied);
    opened.put({DeleteCertificate{record.key}});

    CHECK(opened.store->certificates()->empty());
    CHECK(opened.store->orders()->empty());
    CHECK_FALSE(opened.store->version(applied->version_id));
    CHECK(opened.store->history(record.key, 10)->size() == 1);
}

TEST_CASE("store: a certificate's history comes newest first, as many as asked for", "[store]") {
    OpenStore opened;
    const CertificateKey key = key_of({"a.example"});
    Transition transition;
    for (int i = 0; i < 5; ++i)
        transition.push_back(AddHistory{{key, at(i), "event " + std::to_string(i), "detail"}});
    transition.push_back(AddHistory{{key_of({"b.example"}), at(9), "other", ""}});
    opened.put(std::move(transition));

    const auto history = opened.store->history(key, 3);
    REQUIRE(history);
    REQUIRE(history->size() == 3);
    CHECK((*history)[0].event == "event 4");
    CHECK((*history)[0].at == at(4));
    CHECK((*history)[0].detail == "detail");
    CHECK((*history)[0].key == key);
    CHECK((*history)[2].event == "event 2");
    CHECK(opened.store->history(key, 100)->size() == 5);
}

TEST_CASE("store: history older than 400 days goes, little by little", "[store]") {
    OpenStore opened;
    const CertificateKey key = key_of({"a.example"});
    const auto day = std::chrono::hours{24};
    const WallTime now = at(1'700'000'000);
    Transition old;
    for (int i = 0; i < 50; ++i) old.push_back(AddHistory{{key, now - 401 * day, "old", ""}});
    old.push_back(AddHistory{{key, now - 399 * day, "kept", ""}});
    opened.put(std::move(old));
    Transition fresh;
    for (int i = 0; i < 300; ++i) fresh.push_back(AddHistory{{key, now, "fresh", ""}});
    opened.put(std::move(fresh));

    const auto history = opened.store->history(key, 1'000);
    REQUIRE(history);
    const auto count = [&](const std::string& event) {
        return std::count_if(history->begin(), history->end(), [&](const HistoryRecord& record) {
            return record.event == event;
        });
    };
    CHECK(count("old") == 0);
    CHECK(count("kept") == 1);
    CHECK(count("fresh") == 300);
}

}  // namespace mesh::store
