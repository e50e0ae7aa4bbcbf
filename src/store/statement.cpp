#include "store/statement.hpp"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <limits>

namespace mesh::store {

Execution::~Execution() {
    statement_.tryReset();
    statement_.clearBindings();  // fails only for a null statement
}

Execution& Execution::bind(const std::string& text) {
    statement_.bindNoCopy(++position_, text);
    return *this;
}

Execution& Execution::bind(std::int64_t number) {
    statement_.bind(++position_, number);
    return *this;
}

Execution& Execution::bind(WallTime time) {
    return bind(static_cast<std::int64_t>(time.time_since_epoch().count()));
}

Execution& Execution::bind(const std::optional<WallTime>& time) {
    return time ? bind(*time) : bind_null();
}

Execution& Execution::bind(const Secret& secret) {
    const std::string_view bytes = secret.reveal();
    if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
        throw SQLite::Exception("a key is too big", SQLITE_TOOBIG);
    statement_.bindNoCopy(
        ++position_, static_cast<const void*>(bytes.data()), static_cast<int>(bytes.size()));
    return *this;
}

Execution& Execution::bind_null() {
    statement_.bind(++position_);
    return *this;
}

std::string_view Row::view() {
    const SQLite::Column column = statement_.getColumn(position_++);
    const auto* const bytes = static_cast<const char*>(column.getBlob());
    return {bytes, static_cast<std::size_t>(column.getBytes())};
}

std::int64_t Row::number() {
    return statement_.getColumn(position_++).getInt64();
}

WallTime Row::time() {
    return WallTime{std::chrono::milliseconds{number()}};
}

std::optional<WallTime> Row::optional_time() {
    if (next_is_null()) {
        ++position_;
        return std::nullopt;
    }
    return time();
}

Secret Row::secret() {
    return Secret(text());
}

bool Row::next_is_null() const {
    return statement_.isColumnNull(position_);
}

}  // namespace mesh::store
