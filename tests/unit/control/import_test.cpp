#include "base/base64url.hpp"
#include "control/import_files.hpp"
#include "control/import_traefik.hpp"
#include "control/plan.hpp"
#include "support/catch.hpp"
#include "unit/control/support/world.hpp"

#include <filesystem>
#include <fstream>

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;
namespace fs = std::filesystem;

namespace {

const WallTime now = at("2026-06-01T00:00:00Z");
const ImportTarget target{directory, "le"};

ImportItem item(Issuer& issuer,
                const std::vector<std::string>& names,
                WallTime until = now + days{60}) {
    const auto pair = issuer.issue_pair({names, now - days{30}, until, false});
    return {names.empty() ? "none" : names.front(), pair.chain_pem, Secret{pair.key_pem}};
}

/// A folder that is gone when the test is.
class Folder {
 public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "mesh-import-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() { fs::remove_all(path); }
    void file(const std::string& name, const std::string& content = "x") const {
        fs::create_directories((path / name).parent_path());
        std::ofstream{path / name} << content;
    }
    fs::path path;
};

std::string base64(std::string_view text) {
    std::string encoded = base64url_encode(text);
    std::replace(encoded.begin(), encoded.end(), '-', '+');
    std::replace(encoded.begin(), encoded.end(), '_', '/');
    while (encoded.size() % 4 != 0) encoded += '=';
    return encoded;
}

}  // namespace

TEST_CASE("import: a good pair becomes a certificate with a version") {
    Issuer issuer;
    Import import{target, {}};
    const std::vector items{item(issuer, {"b.example", "a.example"})};

    const auto batch = import.add(items, now);

    REQUIRE(batch.lines.size() == 1);
    CHECK(batch.lines[0].outcome == ImportOutcome::imported);
    CHECK(batch.lines[0].names == std::vector<std::string>{"b.example", "a.example"});
    REQUIRE(batch.transition.size() == 4);
    const auto& row = std::get<store::PutCertificate>(batch.transition[0]).certificate;
    CHECK(row.key == store::CertificateKey{directory, {"a.example", "b.example"}});
    CHECK(row.ordered_names.front() == "b.example");
    CHECK(row.resolver == "le");
    const auto& version = std::get<store::PutVersion>(batch.transition[1]);
    CHECK(version.facts.source == "import");
    CHECK(version.facts.not_after == now + days{60});
    CHECK(tls::Credential::from_pem(version.chain_pem, version.key_pem.reveal()).has_value());
}

TEST_CASE("import: what cannot be used is refused with the reason, the rest goes on") {
    Issuer issuer;
    Import import{target, {}};
    std::vector<ImportItem> items;
    items.push_back({"nothing", "", Secret{""}});
    items.push_back({"garbage",
                     "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n",
                     Secret{"no key"}});
    ImportItem crossed = item(issuer, {"a.example"});
    crossed.key_pem = item(issuer, {"b.example"}).key_pem;
    items.push_back(crossed);
    items.push_back(item(issuer, {"old.example"}, now - days{1}));
    items.push_back(item(issuer, {"good.example"}));

    const auto batch = import.add(items, now);

    for (std::size_t i = 0; i < 4; ++i) {
        CAPTURE(i, batch.lines[i].message);
        CHECK(batch.lines[i].outcome == ImportOutcome::refused);
        CHECK_FALSE(batch.lines[i].message.empty());
    }
    CHECK(batch.lines[3].message == "expired on 2026-05-31T00:00:00Z");
    CHECK(batch.lines[4].outcome == ImportOutcome::imported);
    CHECK(batch.transition.size() == 4);
}

TEST_CASE("import: a certificate that begins later does not take the place of a valid one") {
    Issuer issuer;
    store::StoredCertificate stored;
    stored.record.key = {directory, {"a.example"}};
    stored.version = a_version(now - days{10}, days{40});
    const auto early = issuer.issue_pair({{"a.example"}, now + days{60}, now + days{150}, false});
    const auto inverted = issuer.issue_pair({{"b.example"}, now + days{60}, now + days{30}, false});
    const std::vector<ImportItem> items{{"early", early.chain_pem, Secret{early.key_pem}},
                                        {"inverted", inverted.chain_pem, Secret{inverted.key_pem}}};

    const auto batch = Import(target, {stored}).add(items, now);

    CHECK(batch.lines[0].outcome == ImportOutcome::refused);
    CHECK(batch.lines[0].message == "not valid before 2026-07-31T00:00:00Z");
    CHECK(batch.lines[1].outcome == ImportOutcome::refused);
    CHECK(batch.lines[1].message == "ends on 2026-07-01T00:00:00Z, before it begins");
    CHECK(batch.transition.empty());
}

TEST_CASE("import: an order of the same names that is open ends, and does not come back") {
    Issuer issuer;
    World world{now};
    world.ca.polls_until_valid = 1'000;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::respond] == 1; }, 1min));
    world.kill();
    REQUIRE(world.store.order_of("a.example").has_value());
    world.ca.asked.clear();

    Import import{target, world.store.certificates().value()};
    world.store.apply(import.add(std::vector{item(issuer, {"a.example"})}, now).transition,
                      world.executor,
                      [](auto) {});

    CHECK_FALSE(world.store.order_of("a.example").has_value());
    world.start();
    world.run_for(days{5});
    CHECK(world.ca.asked.empty());
    CHECK(world.live("a.example"));
}

TEST_CASE("import: a stored version whose dates are in the wrong order does not stop the rest") {
    Issuer issuer;
    World world{now};
    Import import{target, {}};
    auto change = import.add(std::vector{item(issuer, {"a.example"})}, now).transition;
    for (store::Change& one : change)
        if (auto* put = std::get_if<store::PutVersion>(&one)) {
            put->facts.not_before = now - days{10};
            put->facts.not_after = now - days{20};
        }
    world.store.apply(change, world.executor, [](auto) {});
    world.add({"a.example"});
    world.add({"b.example"});
    world.start();

    CHECK(world.run_until([&] { return world.all_live(); }, 1min));
}

TEST_CASE("import: the same twice, or a shorter one, changes nothing") {
    Issuer issuer;
    const ImportItem longer = item(issuer, {"a.example"}, now + days{60});
    const ImportItem shorter = item(issuer, {"a.example"}, now + days{20});
    Import import{target, {}};
    (void)import.add(std::vector{longer}, now);

    const auto again = import.add(std::vector{longer, shorter}, now);

    CHECK(again.lines[0].outcome == ImportOutcome::already_stored);
    CHECK(again.lines[1].outcome == ImportOutcome::kept_stored);
    CHECK(again.transition.empty());
}

TEST_CASE("import: what the store has from before counts, of the same CA only") {
    Issuer issuer;
    const ImportItem found = item(issuer, {"a.example"}, now + days{60});
    store::StoredCertificate stored;
    stored.record.key = {directory, {"a.example"}};
    stored.record.attempts = 3;
    stored.version = a_version(now, days{90});

    CHECK(Import(target, {stored}).add(std::vector{found}, now).lines[0].outcome ==
          ImportOutcome::kept_stored);
    CHECK(Import({"https://other.test/dir", "o"}, {stored})
              .add(std::vector{found}, now)
              .lines[0]
              .outcome == ImportOutcome::imported);
    stored.version->not_after = now - days{1};
    const auto batch = Import(target, {stored}).add(std::vector{found}, now);
    CHECK(batch.lines[0].outcome == ImportOutcome::imported);
    CHECK(std::get<store::PutCertificate>(batch.transition[0]).certificate.attempts == 0);
}

TEST_CASE("import: wanted by a router, an import means no order until it is due") {
    Issuer issuer;
    World world{now};
    Import import{target, {}};
    world.store.apply(import.add(std::vector{item(issuer, {"a.example"})}, now).transition,
                      world.executor,
                      [](auto) {});
    world.add({"a.example"});

    const auto lines = plan(world.wanted, world.store.certificates().value(), {}, {}, now);

    CHECK(to_string(lines.certificates.at(0).state) == "valid");
    CHECK(lines.certificates.at(0).source == "import");
    CHECK(lines.certificates.at(0).next_at > now + days{25});
    world.start();
    world.run_for(days{20});
    CHECK(world.ca.asked.empty());
}

TEST_CASE("import: a batch of many is one transition") {
    Issuer issuer;
    Import import{target, {}};
    std::vector<ImportItem> items;
    for (std::size_t i = 0; i < import_batch_size; ++i)
        items.push_back(item(issuer, {"n" + std::to_string(i) + ".example"}));

    const auto batch = import.add(items, now);

    CHECK(batch.transition.size() == 2'000);
}

TEST_CASE("import: pairs in a folder are found by their names") {
    Folder folder;
    for (const auto* name : {"plain/x.crt",
                             "plain/x.key",
                             "mkcert/y.pem",
                             "mkcert/y-key.pem",
                             "plain/z.pem",
                             "plain/z.key",
                             "live/shop.example/fullchain.pem",
                             "live/shop.example/privkey.pem",
                             "live/shop.example/cert.pem",
                             "live/shop.example/chain.pem",
                             "live/README",
                             "k8s/tls.crt",
                             "k8s/tls.key",
                             "pair/cert.pem",
                             "pair/key.pem",
                             "acme.sh/a.example_ecc/fullchain.cer",
                             "acme.sh/a.example_ecc/a.example.key",
                             "acme.sh/a.example_ecc/a.example.cer",
                             "acme.sh/a.example_ecc/ca.cer",
                             "lonely/ca.crt"})
        folder.file(name);

    const auto found = find_pairs(folder.path.string());

    REQUIRE(found.has_value());
    std::map<std::string, std::string> pairs;
    for (const auto& pair : found->pairs)
        pairs[fs::relative(pair.cert_file, folder.path).string()] =
            fs::relative(pair.key_file, folder.path).string();
    const std::map<std::string, std::string> expected{
        {"acme.sh/a.example_ecc/fullchain.cer", "acme.sh/a.example_ecc/a.example.key"},
        {"k8s/tls.crt", "k8s/tls.key"},
        {"live/shop.example/fullchain.pem", "live/shop.example/privkey.pem"},
        {"mkcert/y.pem", "mkcert/y-key.pem"},
        {"pair/cert.pem", "pair/key.pem"},
        {"plain/x.crt", "plain/x.key"},
        {"plain/z.pem", "plain/z.key"},
    };
    CHECK(pairs == expected);
    REQUIRE(found->unpaired.size() == 1);
    CHECK_THAT(found->unpaired[0], ContainsSubstring("ca.crt"));
    CHECK(find_pairs((folder.path / "nowhere").string()).error().code == Errc::not_found);
}

TEST_CASE("import: a pair is read within bounds") {
    Folder folder;
    folder.file("a.crt", "chain");
    folder.file("a.key", "key");
    folder.file("huge.crt", std::string(2 << 20, 'x'));
    const auto path = [&](const char* name) { return (folder.path / name).string(); };

    const auto pair = read_pair({path("a.crt"), path("a.key")});
    REQUIRE(pair.has_value());
    CHECK(pair->chain_pem == "chain");
    CHECK(pair->key_pem.reveal() == "key");
    CHECK(read_pair({path("huge.crt"), path("a.key")}).error().code == Errc::limit);
    CHECK(read_pair({path("none.crt"), path("a.key")}).error().code == Errc::not_found);
}

TEST_CASE("import: Traefik's acme.json gives the certificates of the resolver") {
    Issuer issuer;
    const ImportItem good = item(issuer, {"a.example"});
    const std::string record = R"({"domain":{"main":"a.example"},"certificate":")" +
                               base64(good.chain_pem) + R"(","key":")" +
                               base64(good.key_pem.reveal()) + R"(","Store":"default"})";
    const std::string broken = R"({"domain":{"main":"b.example"},"certificate":"","key":""})";
    const std::string section = R"({"Account":{},"Certificates":[)" + record + "," + broken + "]}";

    const auto items = read_traefik(R"({"le":)" + section + "}", "any");
    REQUIRE(items.has_value());
    REQUIRE(items->size() == 2);
    CHECK((*items)[0].label == "le: a.example");
    Import import{target, {}};
    const auto batch = import.add(*items, now);
    CHECK(batch.lines[0].outcome == ImportOutcome::imported);
    CHECK(batch.lines[1].outcome == ImportOutcome::refused);

    const std::string two = R"({"le":)" + section + R"(,"zero":{"Certificates":null}})";
    CHECK(read_traefik(two, "le")->size() == 2);
    CHECK(read_traefik(two, "zero")->empty());
    CHECK_THAT(read_traefik(two, "other").error().message, ContainsSubstring("le, zero"));
}

TEST_CASE("import: what is no acme.json is said so") {
    for (const auto* text : {"", "[]", "{\"a\":1}", "{", "{\"tcp\":{\"routers\":{}}}"}) {
        CAPTURE(text);
        const auto result = read_traefik(text, "le");
        REQUIRE(result.has_error());
        CHECK_THAT(result.error().message, ContainsSubstring("acme.json"));
    }
    CHECK(read_traefik("{}", "le")->empty());
}
