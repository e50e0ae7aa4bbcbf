#include "store/sqlite_error.hpp"

#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

namespace mesh::store {

Errc errc_of_sqlite(int code) {
    switch (code & 0xff) {
        case SQLITE_FULL:
            return Errc::full;
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH:
            return Errc::permission;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return Errc::corrupt;
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_PROTOCOL:
        case SQLITE_NOLFS:
            return Errc::io;
        case SQLITE_TOOBIG:
            return Errc::limit;
        default:
            return Errc::internal;
    }
}

Error sqlite_error(std::string_view context, const SQLite::Exception& exception) {
    return with_context(
        context,
        Error{errc_of_sqlite(exception.getErrorCode()), Origin::internal, exception.what()});
}

}  // namespace mesh::store
