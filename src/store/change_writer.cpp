#include "store/change_writer.hpp"

#include "store/checksum.hpp"
#include "store/names_text.hpp"
#include "store/row_damage.hpp"
#include "store/statement.hpp"

#include <SQLiteCpp/Database.h>

namespace mesh::store {
namespace {

constexpr std::chrono::hours history_kept{400 * 24};
// Pruning is spread over the writes: at most so many rows, once in so many additions.
constexpr std::size_t additions_per_prune = 200;
constexpr std::int64_t pruned_at_once = 1'000;
// The current version and two previous ones.
constexpr std::int64_t versions_kept = 3;

Error no_record(const CertificateKey& key) {
    std::string names;
    for (const std::string& name : key.names) {
        if (!names.empty()) names += ", ";
        names += name;
    }
    return {Errc::not_found,
            Origin::internal,
            "the store has no certificate record for " + names + " of " + key.directory};
}

}  // namespace

struct ChangeWriter::Statements {
    explicit Statements(SQLite::Database& opened) : database(opened) {}

    SQLite::Database& database;

    // Inserts name their columns and updates name what they set: a newer minor of the schema may
    // have columns this binary does not know, and must keep them.
    SQLite::Statement put_account{database, R"sql(
        INSERT INTO account (directory, email, url, status, created, key, checksum)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (directory) DO UPDATE SET
            email = excluded.email, url = excluded.url, status = excluded.status,
            created = excluded.created, key = excluded.key, checksum = excluded.checksum)sql"};
    SQLite::Statement put_authority{database, R"sql(
        INSERT INTO authority (directory, retry_not_before, reason, asked_until)
        VALUES (?, ?, ?, ?)
        ON CONFLICT (directory) DO UPDATE SET
            retry_not_before = excluded.retry_not_before, reason = excluded.reason,
            asked_until = excluded.asked_until)sql"};

    SQLite::Statement find_certificate{
        database, "SELECT id FROM certificate WHERE directory = ? AND names = ?"};
    SQLite::Statement add_certificate{database, R"sql(
        INSERT INTO certificate (directory, names, ordered_names, resolver, state, attempts,
            next_at, error_type, error_detail, error_at, unwanted_since, asked_until,
            renewal_asked)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?))sql"};
    SQLite::Statement update_certificate{database, R"sql(
        UPDATE certificate SET ordered_names = ?, resolver = ?, state = ?, attempts = ?,
            next_at = ?, error_type = ?, error_detail = ?, error_at = ?, unwanted_since = ?,
            asked_until = ?, renewal_asked = ?
        WHERE id = ?)sql"};
    SQLite::Statement delete_certificate{
        database, "DELETE FROM certificate WHERE directory = ? AND names = ?"};

    SQLite::Statement put_order{database, R"sql(
        INSERT INTO acme_order (certificate_id, ordered_names, profile, url, status, finalize_url,
            certificate_url, expires, finalized, created, key)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (certificate_id) DO UPDATE SET
            ordered_names = excluded.ordered_names, profile = excluded.profile,
            url = excluded.url, status = excluded.status, finalize_url = excluded.finalize_url,
            certificate_url = excluded.certificate_url, expires = excluded.expires,
            finalized = excluded.finalized, created = excluded.created, key = excluded.key)sql"};
    SQLite::Statement put_authorization{database, R"sql(
        INSERT INTO authorization (certificate_id, position, url, name, status, challenge_url,
            token, responded)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (certificate_id, position) DO UPDATE SET
            url = excluded.url, name = excluded.name, status = excluded.status,
            challenge_url = excluded.challenge_url, token = excluded.token,
            responded = excluded.responded)sql"};
    SQLite::Statement trim_authorizations{
        database, "DELETE FROM authorization WHERE certificate_id = ? AND position >= ?"};
    SQLite::Statement delete_order{database, "DELETE FROM acme_order WHERE certificate_id = ?"};

    SQLite::Statement add_version{database, R"sql(
        INSERT INTO version (certificate_id, not_before, not_after, serial, sha256, key_type,
            profile, source, created, checksum)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?))sql"};
    SQLite::Statement add_material{
        database,
        "INSERT INTO version_material (version_id, chain, key, checksum) VALUES (?, ?, ?, ?)"};
    SQLite::Statement set_current{database,
                                  "UPDATE certificate SET current_version = ? WHERE id = ?"};
    SQLite::Statement delete_old_versions{database, R"sql(
        DELETE FROM version WHERE certificate_id = ? AND id <= (
            SELECT id FROM version WHERE certificate_id = ? ORDER BY id DESC
            LIMIT 1 OFFSET ?))sql"};

    SQLite::Statement add_history{
        database,
        "INSERT INTO history (directory, names, at, event, detail) VALUES (?, ?, ?, ?, ?)"};
    SQLite::Statement forget_configuration{database, "DELETE FROM configuration_file"};
    SQLite::Statement add_configuration_file{database, R"sql(
        INSERT INTO configuration_file (position, path, text, applied) VALUES (?, ?, ?, ?))sql"};

    SQLite::Statement prune_history{database, R"sql(
        DELETE FROM history WHERE id IN (
            SELECT id FROM history WHERE at < ? ORDER BY at LIMIT ?))sql"};
};

/// One overload per kind of change.
class ChangeWriter::Visitor {
 public:
    explicit Visitor(ChangeWriter& writer) : writer_(writer), sql_(*writer.statements_) {}

    Status operator()(const PutAccount& change);
    Status operator()(const PutAuthority& change);
    Status operator()(const PutCertificate& change);
    Status operator()(const DeleteCertificate& change);
    Status operator()(const PutOrder& change);
    Status operator()(const DeleteOrder& change);
    Status operator()(const PutVersion& change);
    Status operator()(const AddHistory& change);
    Status operator()(const PutConfiguration& change);

    Applied applied;

 private:
    /// 0: no such record.
    std::int64_t find(const std::string& directory, const std::string& names);
    Result<std::int64_t> require(const CertificateKey& key);
    void put_authorizations(std::int64_t certificate_id,
                            const std::vector<AuthorizationRecord>& authorizations);
    void prune_history(WallTime now);

    ChangeWriter& writer_;
    Statements& sql_;
};

ChangeWriter::ChangeWriter(SQLite::Database& database)
    : statements_(std::make_unique<Statements>(database)) {}

ChangeWriter::~ChangeWriter() = default;

Result<Applied> ChangeWriter::apply(const Transition& transition) {
    Visitor visitor(*this);
    for (const Change& change : transition)
        if (const Status done = std::visit(visitor, change); !done) return done.error();
    return visitor.applied;
}

bool ChangeWriter::take_keys_were_deleted() {
    return std::exchange(keys_deleted_, false);
}

Status ChangeWriter::Visitor::operator()(const PutAccount& change) {
    const AccountRecord& account = change.account;
    Execution(sql_.put_account)
        .bind(account.directory)
        .bind(account.email)
        .bind(account.url)
        .bind(account.status)
        .bind(account.created)
        .bind(account.key_pem)
        .bind(checksum_of({account.key_pem.reveal()}))
        .run();
    return {};
}

Status ChangeWriter::Visitor::operator()(const PutConfiguration& change) {
    Execution(sql_.forget_configuration).run();
    std::int64_t position = 0;
    for (const ConfigurationRecord::File& file : change.configuration.files)
        Execution(sql_.add_configuration_file)
            .bind(position++)
            .bind(file.path)
            .bind(file.text)
            .bind(change.configuration.applied)
            .run();
    return {};
}

Status ChangeWriter::Visitor::operator()(const PutAuthority& change) {
    const AuthorityRecord& authority = change.authority;
    Execution(sql_.put_authority)
        .bind(authority.directory)
        .bind(authority.retry_not_before)
        .bind(authority.reason)
        .bind(authority.asked_until)
        .run();
    return {};
}

Status ChangeWriter::Visitor::operator()(const PutCertificate& change) {
    const CertificateRecord& record = change.certificate;
    const Result<std::string> names = names_key(record.key.names);
    if (!names) return names.error();
    const Result<std::string> ordered = names_text(record.ordered_names);
    if (!ordered) return ordered.error();

    // Found first instead of an upsert: that would use up an id at every update.
    const std::int64_t id = find(record.key.directory, *names);
    Execution execution(id == 0 ? sql_.add_certificate : sql_.update_certificate);
    if (id == 0) execution.bind(record.key.directory).bind(*names);
    execution.bind(*ordered)
        .bind(record.resolver)
        .bind(record.state)
        .bind(std::int64_t{record.attempts})
        .bind(record.next_at);
    if (record.last_error)
        execution.bind(record.last_error->type)
            .bind(record.last_error->detail)
            .bind(record.last_error->at);
    else
        execution.bind_null().bind_null().bind_null();
    execution.bind(record.unwanted_since).bind(record.asked_until).bind(record.renewal_asked);
    if (id != 0) execution.bind(id);
    execution.run();
    return {};
}

Status ChangeWriter::Visitor::operator()(const DeleteCertificate& change) {
    const Result<std::string> names = names_key(change.key.names);
    if (!names) return names.error();
    const int deleted =
        Execution(sql_.delete_certificate).bind(change.key.directory).bind(*names).run();
    if (deleted != 0) writer_.keys_deleted_ = true;
    return {};
}

Status ChangeWriter::Visitor::operator()(const PutOrder& change) {
    const OrderRecord& order = change.order;
    const Result<std::int64_t> id = require(order.key);
    if (!id) return id.error();
    const Result<std::string> names = names_text(order.names);
    if (!names) return names.error();
    Execution(sql_.put_order)
        .bind(*id)
        .bind(*names)
        .bind(order.profile)
        .bind(order.url)
        .bind(order.status)
        .bind(order.finalize_url)
        .bind(order.certificate_url)
        .bind(order.expires)
        .bind(std::int64_t{order.finalized})
        .bind(order.created)
        .bind(order.key_pem)
        .run();
    put_authorizations(*id, order.authorizations);
    return {};
}

void ChangeWriter::Visitor::put_authorizations(
    std::int64_t certificate_id, const std::vector<AuthorizationRecord>& authorizations) {
    std::int64_t position = 0;
    for (const AuthorizationRecord& authorization : authorizations)
        Execution(sql_.put_authorization)
            .bind(certificate_id)
            .bind(position++)
            .bind(authorization.url)
            .bind(authorization.name)
            .bind(authorization.status)
            .bind(authorization.challenge_url)
            .bind(authorization.token)
            .bind(std::int64_t{authorization.responded})
            .run();
    Execution(sql_.trim_authorizations).bind(certificate_id).bind(position).run();
}

Status ChangeWriter::Visitor::operator()(const DeleteOrder& change) {
    const Result<std::string> names = names_key(change.key.names);
    if (!names) return names.error();
    const std::int64_t id = find(change.key.directory, *names);
    if (id != 0 && Execution(sql_.delete_order).bind(id).run() != 0) writer_.keys_deleted_ = true;
    return {};
}

Status ChangeWriter::Visitor::operator()(const PutVersion& change) {
    const Result<std::int64_t> id = require(change.key);
    if (!id) return id.error();
    const Result<std::string> names = names_key(change.key.names);
    if (!names) return names.error();
    const VersionFacts& facts = change.facts;
    Execution(sql_.add_version)
        .bind(*id)
        .bind(facts.not_before)
        .bind(facts.not_after)
        .bind(facts.serial)
        .bind(facts.sha256)
        .bind(facts.key_type)
        .bind(facts.profile)
        .bind(facts.source)
        .bind(facts.created)
        .bind(checksum_of_row(change.key.directory, *names, facts))
        .run();
    const std::int64_t version_id = sql_.database.getLastInsertRowid();
    Execution(sql_.add_material)
        .bind(version_id)
        .bind(change.chain_pem)
        .bind(change.key_pem)
        .bind(checksum_of({change.chain_pem, change.key_pem.reveal()}))
        .run();
    Execution(sql_.set_current).bind(version_id).bind(*id).run();
    const int deleted =
        Execution(sql_.delete_old_versions).bind(*id).bind(*id).bind(versions_kept).run();
    if (deleted != 0) writer_.keys_deleted_ = true;
    applied = {*id, version_id};
    return {};
}

Status ChangeWriter::Visitor::operator()(const AddHistory& change) {
    const HistoryRecord& record = change.record;
    const Result<std::string> names = names_key(record.key.names);
    if (!names) return names.error();
    Execution(sql_.add_history)
        .bind(record.key.directory)
        .bind(*names)
        .bind(record.at)
        .bind(record.event)
        .bind(record.detail)
        .run();
    prune_history(record.at);
    return {};
}

void ChangeWriter::Visitor::prune_history(WallTime now) {
    if (writer_.history_until_prune_-- != 0) return;
    writer_.history_until_prune_ = additions_per_prune;
    Execution(sql_.prune_history).bind(now - history_kept).bind(pruned_at_once).run();
}

std::int64_t ChangeWriter::Visitor::find(const std::string& directory, const std::string& names) {
    Execution execution(sql_.find_certificate);
    execution.bind(directory).bind(names);
    return execution.step() ? Row(sql_.find_certificate).number() : 0;
}

Result<std::int64_t> ChangeWriter::Visitor::require(const CertificateKey& key) {
    const Result<std::string> names = names_key(key.names);
    if (!names) return names.error();
    const std::int64_t id = find(key.directory, *names);
    if (id == 0) return no_record(key);
    return id;
}

}  // namespace mesh::store
