#pragma once
#include "base/result.hpp"

#include <string_view>

namespace SQLite {
class Exception;
}

namespace mesh::store {

/// What an SQLite result code, primary or extended, means to us.
[[nodiscard]] Errc errc_of_sqlite(int code);

/// "context: what SQLite said". SQLite names tables and columns in its messages, never values,
/// so no secret gets into one.
[[nodiscard]] Error sqlite_error(std::string_view context, const SQLite::Exception& exception);

}  // namespace mesh::store
