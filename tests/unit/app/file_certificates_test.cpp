#include "app/file_certificates.hpp"

#include "app/loaded_configuration.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>

using namespace mesh;
using namespace mesh::app;

namespace {

const WallTime november = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 22));

/// Certificate and other files of a configuration, and what is found in them.
class Folder {
 public:
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "mesh-app-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        path_ = pattern;
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    void write(const std::string& name, std::string_view text) const {
        std::ofstream(path_ + '/' + name, std::ios::binary) << text;
    }
    /// A certificate for mesh.default.invalid that is made at `from` and lives for a year.
    void write_certificate(const std::string& name, WallTime from) const {
        const auto credential = *tls::make_default_credential(from);
        write(name + ".pem", credential->chain().to_pem());
        write(name + ".key", credential->key().to_pem().reveal());
    }
    [[nodiscard]] std::string path(const std::string& name) const { return path_ + '/' + name; }
    [[nodiscard]] config::LoadResult check(const std::string& yaml) const {
        auto result = config::load_text(
            "entryPoints:\n  tcp: {address: ':5443'}\n" + yaml, path_ + "/mesh.yaml", {});
        INFO(result.summary);
        REQUIRE(result.configuration.has_value());
        add_file_findings(result, load_tls_files(*result.configuration, november), november);
        // The folder's name is another one each time.
        result.summary.erase(0, path_.size() + 1);
        return result;
    }

 private:
    std::string path_;
};

bool has(const config::LoadResult& result, std::string_view code, std::string_view text) {
    return std::any_of(
        result.findings.begin(), result.findings.end(), [&](const config::Finding& finding) {
            return finding.code == code && finding.message.find(text) != std::string::npos;
        });
}

const std::string garbage =
    "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";

}  // namespace

TEST_CASE("files: client CAs that do not parse are an error, used by a router or not") {
    Folder folder;
    folder.write("ca.pem", garbage);
    const auto result =
        folder.check("tls: {options: {strict: {clientAuth: {caFiles: [ca.pem]}}}}\n");
    CHECK_FALSE(result.configuration.has_value());
    CHECK(has(result, "certificate-file", "ca.pem: certificate 1 does not parse"));
    CHECK(result.summary == "mesh.yaml: invalid: 1 error");
}

TEST_CASE("files: what did not change is not parsed again, and what does not fit waits") {
    Folder folder;
    folder.write_certificate("one", november);
    folder.write_certificate("two", november);
    folder.write_certificate("ca", november);
    const auto checked = folder.check(
        "tls: {certificates: [{certFile: one.pem, keyFile: one.key}], options: {strict: "
        "{clientAuth: {caFiles: [ca.pem]}}}}\n");
    REQUIRE(checked.configuration.has_value());
    const model::Configuration& configuration = *checked.configuration;
    const TlsFiles first = load_tls_files(configuration, november);
    REQUIRE(first.certificates.size() == 1);
    CHECK(load_tls_files(configuration, november, first).certificates[0].credential ==
          first.certificates[0].credential);

    // The new certificate is there, its key is not yet.
    std::filesystem::copy_file(folder.path("two.pem"),
                               folder.path("one.pem"),
                               std::filesystem::copy_options::overwrite_existing);
    CHECK(load_tls_files(configuration, november, first).certificates.empty());
    const TlsFiles kept = load_tls_files(configuration, november, first, true);
    REQUIRE(kept.certificates.size() == 1);
    CHECK(kept.certificates[0].credential == first.certificates[0].credential);
    CHECK(kept.findings.empty());
    CHECK_THAT(kept.kept.at(folder.path("one.pem")), ContainsSubstring("one.pem"));

    std::filesystem::copy_file(folder.path("two.key"),
                               folder.path("one.key"),
                               std::filesystem::copy_options::overwrite_existing);
    folder.write("ca.pem", garbage);
    const TlsFiles next = load_tls_files(configuration, november, kept, true);
    REQUIRE(next.certificates.size() == 1);
    CHECK(next.certificates[0].credential != first.certificates[0].credential);
    // CAs that cannot be read leave those of before, not none.
    CHECK(next.client_ca_pem.at("strict") == first.client_ca_pem.at("strict"));
    CHECK(next.kept.size() == 1);
    CHECK(next.kept.count(folder.path("ca.pem")) == 1);
}

TEST_CASE("files: what was read before stands in for the same files only") {
    Folder folder;
    for (const std::string name : {"one", "old", "default"})
        folder.write_certificate(name, november);
    const model::Configuration before =
        *folder
             .check(
                 "tls: {certificates: [{certFile: one.pem, keyFile: one.key}], "
                 "options: {strict: {clientAuth: {caFiles: [old.pem]}}}, "
                 "stores: {default: {defaultCertificate: {certFile: default.pem, "
                 "keyFile: default.key}}}}\n")
             .configuration;
    model::Configuration after = before;
    after.certificates[0].key_file = folder.path("new.key");
    after.default_certificate->key_file = folder.path("new.key");
    after.tls_options.at("strict").client_auth.ca_files = {folder.path("new.pem")};
    folder.write("new.pem", garbage);
    folder.write("new.key", garbage);

    const TlsFiles first = load_tls_files(before, november);
    REQUIRE(first.findings.empty());
    const TlsFiles next = load_tls_files(after, november, first, true);

    CHECK(next.kept.empty());
    CHECK(next.certificates.empty());
    CHECK(next.default_credential == nullptr);
    CHECK(next.findings.size() == 3);
    // The clients of old.pem are not let in by a list that does not name it.
    const auto authorities = next.client_ca_pem.find("strict");
    if (authorities != next.client_ca_pem.end())
        CHECK(authorities->second != first.client_ca_pem.at("strict"));
}

TEST_CASE("files: CAs of a resolver that do not parse are an error") {
    Folder folder;
    const std::string resolver =
        "certificatesResolvers: {le: {acme: {tlsChallenge: {}, caServer: 'https://ca.example/d', "
        "caCertificates: [ca.pem]}}}\n";
    folder.write("ca.pem", garbage);
    CHECK(has(folder.check(resolver), "certificate-file", "ca.pem: certificate 1 does not parse"));
    folder.write("ca.pem", "a page that says: not found\n");
    CHECK(has(folder.check(resolver), "certificate-file", "ca.pem: no PEM certificate in it"));
    folder.write_certificate("ca", november);
    CHECK(folder.check(resolver).configuration.has_value());
}

TEST_CASE("files: the summary counts what was found in files") {
    Folder folder;
    folder.write_certificate("old", november - std::chrono::hours(24 * 400));
    folder.write_certificate("good", november);
    folder.write("ca.pem", garbage);
    const std::string certificates =
        "  certificates: [{certFile: old.pem, keyFile: old.key}, "
        "{certFile: good.pem, keyFile: good.key}]\n";
    const auto valid = folder.check("tls:\n" + certificates);
    CHECK(has(valid, "certificate-expired", "old.pem expired"));
    CHECK(valid.summary == "mesh.yaml: valid: 1 entry point, 0 routers, 0 certificates, 1 warning");
    const auto invalid = folder.check("tls:\n" + certificates +
                                      "  options: {strict: {clientAuth: {caFiles: [ca.pem]}}}\n");
    CHECK(invalid.summary == "mesh.yaml: invalid: 1 error, 1 warning");
}

TEST_CASE("files: the summary counts no certificate for names that a file covers") {
    Folder folder;
    const std::string routed =
        "certificatesResolvers: {own: {acme: {tlsChallenge: {}, caServer: "
        "'https://ca.example/d'}}}\n"
        "tcp:\n"
        "  routers: {r: {rule: 'HostSNI(`mesh.default.invalid`)', service: s, "
        "tls: {certResolver: own}}}\n"
        "  services: {s: {loadBalancer: {servers: [{address: '127.0.0.1:1'}]}}}\n"
        "tls: {certificates: [{certFile: file.pem, keyFile: file.key}]}\n";
    folder.write_certificate("file", november);
    CHECK(folder.check(routed).summary ==
          "mesh.yaml: valid: 1 entry point, 1 router, 0 certificates");
    // An expired one covers nothing (D59 of tests/traefik).
    folder.write_certificate("file", november - std::chrono::hours(24 * 400));
    CHECK(folder.check(routed).summary ==
          "mesh.yaml: valid: 1 entry point, 1 router, 1 certificate, 1 warning");
}

TEST_CASE("files: the next change is the next beginning or end of a certificate") {
    const auto certificate = [](int from_hours, int to_hours) {
        auto entry = std::make_shared<certs::CertificateEntry>();
        entry->names = {*HostPattern::parse("a.example")};
        entry->not_before = november + std::chrono::hours(from_hours);
        entry->not_after = november + std::chrono::hours(to_hours);
        return FileCertificate{entry, nullptr};
    };
    TlsFiles files;
    CHECK(files.next_change(november) == std::nullopt);
    files.certificates = {certificate(-10, 20), certificate(5, 100), certificate(-9, -1)};
    WallTime at = november;
    std::vector<std::size_t> valid = {files.valid_names(at).size()};
    while (const auto next = files.next_change(at)) {
        at = *next;
        valid.push_back(files.valid_names(at).size());
    }
    // One; the second begins; the first ends; the second ends.
    CHECK(valid == std::vector<std::size_t>{1, 2, 1, 0});
    CHECK(at == november + std::chrono::hours(100));
}

TEST_CASE("files: what is no regular file, or a huge one, is one finding and holds nobody up") {
    Folder folder;
    folder.write_certificate("good", november);
    REQUIRE(::mkfifo(folder.path("pipe.pem").c_str(), 0600) == 0);
    folder.write("huge.pem", std::string((std::size_t{4} << 20) + 1, '#'));
    model::Configuration configuration;
    configuration.certificates.push_back({folder.path("pipe.pem"), folder.path("good.key"), {}});
    configuration.certificates.push_back({folder.path("huge.pem"), folder.path("good.key"), {}});

    const TlsFiles files = load_tls_files(configuration, november);

    CHECK(files.certificates.empty());
    REQUIRE(files.findings.size() == 2);
    CHECK(files.findings[0].message ==
          "cannot read " + folder.path("pipe.pem") + ": Not a regular file");
    CHECK(files.findings[1].message ==
          "cannot read " + folder.path("huge.pem") + ": it is larger than 4194304 bytes");
}

TEST_CASE("files: a pair that went missing is kept, and what is missing is watched") {
    Folder folder;
    folder.write_certificate("one", november);
    const std::string yaml =
        "entryPoints: {tcp: {address: ':5443'}}\n"
        "tls: {certificates: [{certFile: one.pem, keyFile: one.key}]}\n";
    folder.write("mesh.yaml", yaml);
    const std::string path = folder.path("mesh.yaml");
    const LoadedConfiguration first = load_configuration(path);
    REQUIRE(first.files.certificates.size() == 1);
    std::filesystem::remove(folder.path("one.key"));
    const auto is_watched = [&](const LoadedConfiguration& loaded) {
        const auto& paths = loaded.files.paths;
        return std::count(paths.begin(), paths.end(), folder.path("one.key")) == 1;
    };

    LoadContext context;
    context.files = &first.files;
    context.keep_pairs = true;
    const LoadedConfiguration kept = load_configuration(path, context);
    REQUIRE(kept.files.certificates.size() == 1);
    CHECK(kept.files.certificates[0].credential == first.files.certificates[0].credential);
    CHECK(kept.files.kept.count(folder.path("one.key")) == 1);
    CHECK(is_watched(kept));

    // Nobody knows what was in it: that is an error.
    const LoadedConfiguration refused = load_configuration(path);
    CHECK_FALSE(refused.result.configuration.has_value());
    CHECK(is_watched(refused));
}

TEST_CASE("files: how servers are spoken to is made of files, and made again when they change") {
    Folder folder;
    folder.write_certificate("ca", november);
    folder.write_certificate("own", november);
    const std::string transports =
        "tcp: {serversTransports: {db: {tls: {serverName: db.internal, rootCAs: [ca.pem], "
        "certificates: [{certFile: own.pem, keyFile: own.key}]}}}}\n";
    const auto checked = folder.check(transports);
    REQUIRE(checked.configuration.has_value());
    const TlsFiles first = load_tls_files(*checked.configuration, november);
    REQUIRE(first.upstream.contains("db"));
    CHECK(first.upstream.at("db")->settings().credential != nullptr);
    CHECK(first.held().contains(folder.path("ca.pem")));
    CHECK(load_tls_files(*checked.configuration, november, first).upstream.at("db") ==
          first.upstream.at("db"));

    folder.write("ca.pem", garbage);
    const auto wrong = folder.check(transports);
    CHECK(has(wrong, "certificate-file", "ca.pem: certificate 1 does not parse"));
    // In a running mesh, while nobody asks for a reload: what the same files held goes on.
    const TlsFiles kept = load_tls_files(*checked.configuration, november, first, true);
    CHECK(kept.findings.empty());
    CHECK(kept.upstream.at("db") == first.upstream.at("db"));

    folder.write_certificate("ca", november + std::chrono::hours(1));
    CHECK(load_tls_files(*checked.configuration, november, first).upstream.at("db") !=
          first.upstream.at("db"));
}

TEST_CASE("files: a broken client key keeps no CAs that were withdrawn, and is named itself") {
    Folder folder;
    folder.write_certificate("ca", november);
    folder.write_certificate("own", november);
    const auto checked = folder.check(
        "tcp: {serversTransports: {db: {tls: {serverName: db.internal, rootCAs: [ca.pem], "
        "certificates: [{certFile: own.pem, keyFile: own.key}]}}}}\n");
    REQUIRE(checked.configuration.has_value());
    const TlsFiles first = load_tls_files(*checked.configuration, november);
    const tls::UpstreamSettings& before = first.upstream.at("db")->settings();
    // All of it has expired by now, too: a warning is not why something is kept.
    const WallTime later = november + std::chrono::hours(24 * 400);
    const auto load = [&] { return load_tls_files(*checked.configuration, later, first, true); };

    folder.write_certificate("ca", november + std::chrono::hours(1));
    folder.write("own.key", "-----BEGIN PRIVATE KEY-----\nnot base64\n-----END PRIVATE KEY-----\n");
    const TlsFiles without_key = load();
    CHECK(without_key.findings.empty());
    REQUIRE(without_key.upstream.contains("db"));
    CHECK(without_key.upstream.at("db")->settings().roots->digest() != before.roots->digest());
    CHECK(without_key.upstream.at("db")->settings().credential == before.credential);
    REQUIRE(without_key.kept.size() == 1);
    CHECK(without_key.kept.begin()->first == folder.path("own.key"));
    CHECK_THAT(without_key.kept.begin()->second, ContainsSubstring("own.key: "));

    // The other way about: new pair, CAs that cannot be read.
    folder.write_certificate("own", november + std::chrono::hours(1));
    folder.write("ca.pem", garbage);
    const TlsFiles without_cas = load();
    REQUIRE(without_cas.upstream.contains("db"));
    CHECK(without_cas.upstream.at("db")->settings().roots == before.roots);
    CHECK(without_cas.upstream.at("db")->settings().credential != before.credential);
    REQUIRE(without_cas.kept.size() == 1);
    CHECK(without_cas.kept.begin()->first == folder.path("ca.pem"));
    CHECK_THAT(without_cas.kept.begin()->second, ContainsSubstring("does not parse"));
}

TEST_CASE("files: a CA whose trust settings would be lost is refused, with what to do") {
    Folder folder;
    std::string trusted = (*tls::make_default_credential(november))->chain().to_pem();
    for (std::size_t at = 0; (at = trusted.find("CERTIFICATE", at)) != std::string::npos; at += 19)
        trusted.insert(at, "TRUSTED ");
    folder.write("ca.pem", trusted);
    for (const std::string option :
         {"tls: {options: {strict: {clientAuth: {caFiles: [ca.pem]}}}}\n",
          "tcp: {serversTransports: {db: {tls: {rootCAs: [ca.pem]}}}}\n"}) {
        const auto result = folder.check(option);
        CHECK_FALSE(result.configuration.has_value());
        CHECK(has(result, "certificate-file", "BEGIN TRUSTED CERTIFICATE"));
        CHECK(has(result, "certificate-file", "openssl x509 -in"));
    }
}

TEST_CASE("files: a service with TLS and no transport verifies by the system's CAs") {
    Folder folder;
    const auto checked = folder.check(
        "tcp: {services: {web: {loadBalancer: {servers: [{address: 'web.example:443', tls: "
        "true}]}}}}\n");
    REQUIRE(checked.configuration.has_value());
    const TlsFiles files = load_tls_files(*checked.configuration, november);
    REQUIRE(files.upstream.contains(""));
    CHECK(files.upstream.at("")->settings().roots != nullptr);
    CHECK(files.upstream.at("")->expected_name("web.example") == "web.example");
}
