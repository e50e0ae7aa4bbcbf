#include "store/queries.hpp"

#include "store/checksum.hpp"
#include "store/names_text.hpp"
#include "store/statement.hpp"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Transaction.h>
#include <sqlite3.h>

#include <algorithm>
#include <limits>
#include <map>

namespace mesh::store {
namespace {

std::optional<LastError> read_last_error(Row& row) {
    if (row.next_is_null()) {
        row.skip(3);
        return std::nullopt;
    }
    LastError error;
    error.type = row.text();
    error.detail = row.text();
    error.at = row.time();
    return error;
}

CertificateRecord read_certificate(Row& row) {
    CertificateRecord record;
    record.key.directory = row.text();
    record.key.names = names_of(row.view());
    record.ordered_names = names_of(row.view());
    record.resolver = row.text();
    record.state = row.text();
    record.attempts = static_cast<std::uint32_t>(row.number());
    record.next_at = row.optional_time();
    record.last_error = read_last_error(row);
    record.unwanted_since = row.optional_time();
    record.asked_until = row.optional_time();
    record.renewal_asked = row.optional_time();
    return record;
}

VersionFacts read_facts(Row& row) {
    VersionFacts facts;
    facts.not_before = row.time();
    facts.not_after = row.time();
    facts.serial = row.text();
    facts.sha256 = row.text();
    facts.key_type = row.text();
    facts.profile = row.text();
    facts.source = row.text();
    facts.created = row.time();
    return facts;
}

OrderRecord read_order(Row& row) {
    OrderRecord order;
    order.key.directory = row.text();
    order.key.names = names_of(row.text());
    order.names = names_of(row.text());
    order.profile = row.text();
    order.url = row.text();
    order.status = row.text();
    order.finalize_url = row.text();
    order.certificate_url = row.text();
    order.expires = row.optional_time();
    order.finalized = row.number() != 0;
    order.created = row.time();
    order.key_pem = row.secret();
    return order;
}

AuthorizationRecord read_authorization(Row& row) {
    AuthorizationRecord authorization;
    authorization.url = row.text();
    authorization.name = row.text();
    authorization.status = row.text();
    authorization.challenge_url = row.text();
    authorization.token = row.text();
    authorization.responded = row.number() != 0;
    return authorization;
}

std::int64_t checksum_of(const VersionMaterial& material) {
    return store::checksum_of({material.chain_pem, material.key_pem.reveal()});
}

/// A hint only: the records are big, and moving a hundred thousand of them as they grow is not
/// free.
std::size_t count_certificates(SQLite::Database& database) {
    return static_cast<std::size_t>(
        database.execAndGet("SELECT count(*) FROM certificate").getInt64());
}

}  // namespace

std::vector<StoredCertificate> read_certificates(SQLite::Database& database) {
    SQLite::Statement statement(database, R"sql(
        SELECT c.id, c.directory, c.names, c.ordered_names, c.resolver, c.state, c.attempts,
               c.next_at, c.error_type, c.error_detail, c.error_at, c.unwanted_since,
               c.asked_until, c.renewal_asked, v.id, v.not_before, v.not_after, v.serial, v.sha256, v.key_type, v.profile,
               v.source, v.created
        FROM certificate AS c LEFT JOIN version AS v ON v.id = c.current_version
        ORDER BY c.id)sql");
    std::vector<StoredCertificate> certificates;
    certificates.reserve(count_certificates(database));
    while (statement.executeStep()) {
        Row row(statement);
        StoredCertificate& stored = certificates.emplace_back();
        stored.certificate_id = row.number();
        stored.record = read_certificate(row);
        if (row.next_is_null()) continue;
        stored.version_id = row.number();
        stored.version = read_facts(row);
    }
    return certificates;
}

std::vector<ServedCertificate> read_served_certificates(SQLite::Database& database) {
    SQLite::Statement statement(database, R"sql(
        SELECT c.id, v.id, c.directory, c.names, v.not_before, v.not_after,
               c.unwanted_since IS NULL
        FROM certificate AS c JOIN version AS v ON v.id = c.current_version
        ORDER BY c.id)sql");
    std::vector<ServedCertificate> certificates;
    certificates.reserve(count_certificates(database));
    SharedText directory;
    while (statement.executeStep()) {
        Row row(statement);
        ServedCertificate& served = certificates.emplace_back();
        served.certificate_id = row.number();
        served.version_id = row.number();
        if (const auto text = row.view(); directory != text) directory = std::string(text);
        served.directory = directory;
        served.names = names_of(row.view());
        served.not_before = row.time();
        served.not_after = row.time();
        served.wanted = row.number() != 0;
    }
    return certificates;
}

std::vector<StoredVersion> read_versions(SQLite::Database& database,
                                         const std::string& directory,
                                         const std::string& names) {
    SQLite::Statement statement(database, R"sql(
        SELECT v.id, v.id = c.current_version, v.not_before, v.not_after, v.serial, v.sha256,
               v.key_type, v.profile, v.source, v.created
        FROM version AS v JOIN certificate AS c ON c.id = v.certificate_id
        WHERE c.directory = ? AND c.names = ? ORDER BY v.id DESC)sql");
    Execution execution(statement);
    execution.bind(directory).bind(names);
    std::vector<StoredVersion> versions;
    while (execution.step()) {
        Row row(statement);
        StoredVersion& version = versions.emplace_back();
        version.version_id = row.number();
        version.current = row.number() != 0;
        version.facts = read_facts(row);
    }
    return versions;
}

std::optional<VersionMaterial> read_version(SQLite::Database& database, std::int64_t version_id) {
    SQLite::Statement statement(database,
                                "SELECT chain, key, checksum FROM version_material "
                                "WHERE version_id = ?");
    statement.bind(1, version_id);
    if (!statement.executeStep()) return std::nullopt;
    Row row(statement);
    VersionMaterial material;
    material.chain_pem = row.text();
    material.key_pem = row.secret();
    if (!row.next_is_null() && row.number() != checksum_of(material))
        throw SQLite::Exception(
            "chain and key of version " + std::to_string(version_id) + " are damaged",
            SQLITE_CORRUPT);
    return material;
}

std::vector<std::int64_t> find_damaged_versions(SQLite::Database& database) {
    SQLite::Statement statement(database,
                                "SELECT version_id, chain, key, checksum FROM version_material "
                                "WHERE checksum IS NOT NULL ORDER BY version_id");
    std::vector<std::int64_t> damaged;
    while (statement.executeStep()) {
        Row row(statement);
        const std::int64_t id = row.number();
        VersionMaterial material;
        material.chain_pem = row.text();
        material.key_pem = row.secret();
        if (row.number() != checksum_of(material)) damaged.push_back(id);
    }
    return damaged;
}

void replace_material(SQLite::Database& database,
                      std::int64_t version_id,
                      const VersionMaterial& material) {
    SQLite::Statement statement(database,
                                "UPDATE version_material SET chain = ?, key = ?, checksum = ? "
                                "WHERE version_id = ?");
    Execution(statement)
        .bind(material.chain_pem)
        .bind(material.key_pem)
        .bind(checksum_of(material))
        .bind(version_id)
        .run();
}

void replace_account_key(SQLite::Database& database,
                         const std::string& directory,
                         const Secret& key) {
    SQLite::Statement statement(database,
                                "UPDATE account SET key = ?, checksum = ? WHERE directory = ?");
    Execution(statement).bind(key).bind(checksum_of({key.reveal()})).bind(directory).run();
}

std::string sha256_of_version(SQLite::Database& database, std::int64_t version_id) {
    SQLite::Statement statement(database, "SELECT sha256 FROM version WHERE id = ?");
    statement.bind(1, version_id);
    return statement.executeStep() ? Row(statement).text() : std::string();
}

std::int64_t newest_version(SQLite::Database& database) {
    return database.execAndGet("SELECT coalesce(max(id), 0) FROM version").getInt64();
}

std::vector<OrderRecord> read_orders(SQLite::Database& database) {
    SQLite::Transaction view(database);  // two queries, one view; ends by rolling back nothing
    SQLite::Statement order_rows(database, R"sql(
        SELECT o.certificate_id, c.directory, c.names, o.ordered_names, o.profile, o.url, o.status,
               o.finalize_url, o.certificate_url, o.expires, o.finalized, o.created, o.key
        FROM acme_order AS o JOIN certificate AS c ON c.id = o.certificate_id
        ORDER BY o.certificate_id)sql");
    std::vector<OrderRecord> orders;
    std::map<std::int64_t, std::size_t> place;
    while (order_rows.executeStep()) {
        Row row(order_rows);
        place.emplace(row.number(), orders.size());
        orders.push_back(read_order(row));
    }
    SQLite::Statement authorization_rows(database, R"sql(
        SELECT certificate_id, url, name, status, challenge_url, token, responded
        FROM authorization ORDER BY certificate_id, position)sql");
    while (authorization_rows.executeStep()) {
        Row row(authorization_rows);
        const auto found = place.find(row.number());
        if (found != place.end())
            orders[found->second].authorizations.push_back(read_authorization(row));
    }
    return orders;
}

std::vector<StoredAccount> read_accounts(SQLite::Database& database) {
    SQLite::Statement statement(
        database,
        "SELECT directory, email, url, status, created, key, checksum FROM account "
        "ORDER BY directory");
    std::vector<StoredAccount> accounts;
    while (statement.executeStep()) {
        Row row(statement);
        StoredAccount& stored = accounts.emplace_back();
        AccountRecord& account = stored.record;
        account.directory = row.text();
        account.email = row.text();
        account.url = row.text();
        account.status = row.text();
        account.created = row.time();
        account.key_pem = row.secret();
        stored.damaged =
            !row.next_is_null() && row.number() != store::checksum_of({account.key_pem.reveal()});
    }
    return accounts;
}

std::vector<AuthorityRecord> read_authorities(SQLite::Database& database) {
    SQLite::Statement statement(database,
                                "SELECT directory, retry_not_before, reason, asked_until FROM "
                                "authority ORDER BY directory");
    std::vector<AuthorityRecord> authorities;
    while (statement.executeStep()) {
        Row row(statement);
        AuthorityRecord& authority = authorities.emplace_back();
        authority.directory = row.text();
        authority.retry_not_before = row.optional_time();
        authority.reason = row.text();
        authority.asked_until = row.optional_time();
    }
    return authorities;
}

std::optional<ConfigurationRecord> read_configuration(SQLite::Database& database) {
    // A store that is only read may be one that an older mesh made.
    if (!database.tableExists("configuration_file")) return std::nullopt;
    SQLite::Statement statement(
        database, "SELECT path, text, applied FROM configuration_file ORDER BY position");
    ConfigurationRecord configuration;
    while (statement.executeStep()) {
        Row row(statement);
        ConfigurationRecord::File& file = configuration.files.emplace_back();
        file.path = row.text();
        file.text = row.text();
        configuration.applied = row.time();
    }
    if (configuration.files.empty()) return std::nullopt;
    return configuration;
}

std::vector<HistoryRecord> read_history(SQLite::Database& database,
                                        const std::string& directory,
                                        const std::string& names,
                                        std::size_t limit) {
    SQLite::Statement statement(database, R"sql(
        SELECT at, event, detail FROM history WHERE directory = ? AND names = ?
        ORDER BY id DESC LIMIT ?)sql");
    constexpr auto most = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());
    Execution execution(statement);
    execution.bind(directory).bind(names).bind(static_cast<std::int64_t>(std::min(limit, most)));
    std::vector<HistoryRecord> history;
    while (execution.step()) {
        Row row(statement);
        HistoryRecord& record = history.emplace_back();
        record.key = {directory, names_of(names)};
        record.at = row.time();
        record.event = row.text();
        record.detail = row.text();
    }
    return history;
}

}  // namespace mesh::store
