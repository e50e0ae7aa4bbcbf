#include "store/change_writer.hpp"
#include "store/damage.hpp"
#include "store/database_file.hpp"
#include "store/row_mending.hpp"
#include "store/schema.hpp"
#include "store/sqlite_error.hpp"
#include "store/sqlite_store.hpp"
#include "store/store.hpp"

#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <optional>
#include <utility>

namespace mesh::store {
namespace {

/// Faults of the place a store is in, not of what it holds: reading may still work.
bool is_fault_of_the_disk(const Error& error) {
    return error.code == Errc::permission || error.code == Errc::full || error.code == Errc::io;
}

Error not_readable(const std::string& path, const SQLite::Exception& exception) {
    // Nothing of SQLite has this file open now, so it may be looked into.
    if ((exception.getErrorCode() & 0xff) == SQLITE_NOTADB)
        if (const Status content = check_content(path); !content) return content.error();
    return sqlite_error("cannot open " + path, exception);
}

/// A store up to this size is checked whole at every start, its indexes too, in some 120 ms; of a
/// bigger one only what the start reads, unless something of it was found damaged before.
constexpr std::uint64_t small_store = std::uint64_t{32} << 20;

enum class Look { whole, schedules };

Look look_needed(const std::string& path) {
    const bool small = file_size(path) + file_size(path + "-wal") <= small_store;
    return small || is_suspect(path) ? Look::whole : Look::schedules;
}

/// Whether every table and column is there by its name: SQLite does not know what they should be.
Status check_names(SQLite::Database& database, const std::string& path) {
    try {
        const ChangeWriter uses_them_all(database);
        return {};
    } catch (const SQLite::Exception& exception) {
        if (exception.getErrorCode() != SQLITE_ERROR) throw;
        return Error{Errc::corrupt,
                     Origin::internal,
                     path + " is damaged: its schema is not ours: " + exception.what()};
    }
}

Status check_sound(SQLite::Database& database,
                   const std::string& path,
                   SchemaState schema,
                   Look look) {
    if (schema == SchemaState::empty) return {};
    if (schema == SchemaState::current)
        if (const Status named = check_names(database, path); !named) return named.error();
    return look == Look::whole ? quick_check(database, path)
                               : quick_check_of_schedules(database, path);
}

Result<Connection> open_writer(const std::string& path, Log& log) {
    try {
        Connection writer = open_for_writing(path);
        // A damaged database is kept as it was found, its log beside it.
        move_log_on_close(*writer, false);
        const Result<SchemaState> schema = examine_schema(*writer, path);
        if (!schema) return schema.error();
        const Look look = look_needed(path);
        if (const Status sound = check_sound(*writer, path, *schema, look); !sound)
            return sound.error();
        move_log_on_close(*writer, true);
        narrow_modes(path, log);  // the log made next copies the mode of the database file
        enter_wal_mode(*writer);
        if (*schema != SchemaState::current)
            if (const Status migrated = migrate(*writer, path); !migrated) return migrated.error();
        const bool indexes = look == Look::whole && !indexes_agree(*writer);
        if (const Status mended = mend_rows(*writer, path, indexes, log); !mended)
            return mended.error();
        if (look == Look::whole) end_suspicion(path);
        return writer;
    } catch (const SQLite::Exception& exception) {
        return not_readable(path, exception);
    }
}

/// Says why a store that can be reached cannot be read; opens nothing for longer than that.
Status check_readable(const std::string& path, TestHooks hooks) {
    ReadPool pool(path, ReadPool::Owner::maybe_other, hooks);
    Result<SchemaState> schema = SchemaState::empty;
    const Result<bool> looked = pool.read([&](SQLite::Database& database) {
        schema = examine_schema(database, path);
        return true;
    });
    if (!looked) {
        if (looked.error().code == Errc::corrupt)
            if (const Status content = check_content(path); !content) return content.error();
        return looked.error();
    }
    if (!schema) return schema.error();
    switch (*schema) {
        case SchemaState::current:
        case SchemaState::older_minor:
            return {};
        case SchemaState::empty:
            return Error{Errc::not_found, Origin::config, path + " is empty"};
        case SchemaState::older:
            break;
    }
    return Error{
        Errc::unsupported, Origin::config, path + " has an older schema: start mesh on it once"};
}

using Opened = Result<std::unique_ptr<Store>>;

Opened open_to_read(const std::string& path, Log& log) {
    if (!file_exists(path))
        return Error{Errc::not_found, Origin::config, "there is no store at " + path};
    if (const Status allowed = check_may_read(path); !allowed) return allowed.error();
    const TestHooks hooks = TestHooks::from_environment(log);
    if (const Status readable = check_readable(path, hooks); !readable) return readable.error();
    return Opened(std::make_unique<SqliteStore>(path, hooks, log));
}

Opened open_degraded(const std::string& path, const Error& why, const Timing& timing, Log& log) {
    const TestHooks hooks = TestHooks::from_environment(log);
    if (const Status allowed = check_may_read(path); !allowed) return allowed.error();
    if (const Status readable = check_readable(path, hooks); !readable) return readable.error();
    narrow_modes(path, log);
    log.error("store_degraded",
              "the store cannot be written: stored certificates are served, none is ordered until "
              "this is mended",
              {{"storage", path}, {"reason", why.message}});
    return Opened(std::make_unique<SqliteStore>(path, why, timing, hooks, log));
}

/// The lock of a store that is there, or made now.
Result<OwnershipLock> lock_store(const std::string& path) {
    if (const Status created = create_private_file(path); !created) return created.error();
    return OwnershipLock::take(path);
}

/// Errors: corrupt, for what replace_damaged() mends.
Status find_obvious_damage(const std::string& path) {
    if (is_missing(path))
        return Error{Errc::corrupt, Origin::internal, path + " is missing or empty"};
    return check_content(path);
}

Result<Connection> open_or_mend(const std::string& path, const OwnershipLock& lock, Log& log) {
    Result<Connection> writer = Error{};
    const Status found = find_obvious_damage(path);
    if (found)
        writer = open_writer(path, log);
    else
        writer = found.error();
    if (writer || writer.error().code != Errc::corrupt) return writer;
    if (!lock.was_there() && !was_a_store(path) && file_size(path) != 0) return writer;
    if (const Status replaced = replace_damaged(path, writer.error(), SystemClock().now(), log);
        !replaced)
        return with_context(writer.error().message, replaced.error());
    return open_writer(path, log);
}

Opened open_to_own(const std::string& path, const Timing& timing, Log& log) {
    if (const Status owner = check_owner(path); !owner) {
        // No chown is asked for where another refusal would follow; what cannot be looked into is
        // what the chown is for.
        const Status content = check_content(path);
        if (!content && content.error().code != Errc::permission) return content.error();
        return owner.error();
    }
    const auto can_be_served = [&path](const Error& error) {
        return file_size(path) != 0 && is_fault_of_the_disk(error);
    };
    if (file_exists(path))
        if (const auto reason = why_read_only(path))
            return open_degraded(path, {Errc::permission, Origin::internal, *reason}, timing, log);
    Result<OwnershipLock> lock = lock_store(path);
    if (!lock) {
        if (can_be_served(lock.error())) return open_degraded(path, lock.error(), timing, log);
        return lock.error();
    }
    Result<Connection> writer = open_or_mend(path, *lock, log);
    if (!writer) {
        if (can_be_served(writer.error())) return open_degraded(path, writer.error(), timing, log);
        // The next start must not take this file for one mesh has owned.
        lock->leave_no_trace();
        return writer.error();
    }
    const TestHooks hooks = TestHooks::from_environment(log);
    return Opened(std::make_unique<SqliteStore>(
        path, Ownership{*std::move(lock), *std::move(writer)}, timing, hooks, log));
}

}  // namespace

Result<Ownership> take_ownership(const std::string& path, Log& log) {
    Result<OwnershipLock> lock = lock_store(path);
    if (!lock) return lock.error();
    if (const Status sound = find_obvious_damage(path); !sound) return sound.error();
    Result<Connection> writer = open_writer(path, log);
    if (!writer) return writer.error();
    return Ownership{*std::move(lock), *std::move(writer)};
}

Result<std::unique_ptr<Store>> open(const std::string& path,
                                    Access access,
                                    Log& log,
                                    const Timing& timing) {
    const Result<std::string> resolved = resolved_path(path);
    if (!resolved) return resolved.error();
    if (const Status local = check_file_system(*resolved); !local) return local.error();
    try {
        return access == Access::own ? open_to_own(*resolved, timing, log)
                                     : open_to_read(*resolved, log);
    } catch (const SQLite::Exception& exception) {
        return sqlite_error("cannot open " + *resolved, exception);
    }
}

std::string runtime_version() {
    return std::string("SQLite ") + sqlite3_libversion();
}

std::string build_version() {
    return "SQLite " SQLITE_VERSION;
}

}  // namespace mesh::store
