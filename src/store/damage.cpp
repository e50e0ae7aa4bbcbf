#include "store/damage.hpp"

#include "base/time_text.hpp"
#include "store/database_file.hpp"
#include "store/draft_file.hpp"
#include "store/online_copy.hpp"
#include "store/schema.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

namespace mesh::store {
namespace {

constexpr std::string_view sqlite_magic{"SQLite format 3\0", 16};
constexpr std::size_t application_id_at = 68;
constexpr const char* suspect_ending = ".suspect";

/// "20261122T080000Z", as a file name can have it.
std::string stamp(WallTime now) {
    std::string text;
    for (const char c : rfc3339(now))
        if (c != '-' && c != ':') text += c;
    return text;
}

/// A name nothing has yet, neither alone nor with the endings of SQLite's files.
std::string unused_name(const std::string& path, WallTime now) {
    const std::string wanted = path + ".corrupt-" + stamp(now);
    std::string name = wanted;
    for (int number = 2; file_exists(name) || file_exists(name + "-wal"); ++number)
        name = wanted + '-' + std::to_string(number);
    return name;
}

/// The database first: what an interrupted move leaves is then a log without its database, which
/// no start takes for a store.
Status move_away(const std::string& path, const std::string& name) {
    for (const std::string ending : {"", "-wal", "-shm"}) {
        const std::string file = path + ending;
        if (file_size(file) == 0) {
            ::unlink(file.c_str());
            continue;
        }
        if (std::rename(file.c_str(), (name + ending).c_str()) != 0)
            return file_error("cannot rename " + file, errno);
    }
    return {};
}

void tell(const std::string& path,
          const std::string& set_aside,
          const Error& damage,
          const Status& usable,
          Log& log) {
    const std::string copy = path + copy_ending;
    if (usable)
        log.error(
            "store_restored",
            "the store is damaged: it is set aside and its copy is opened; what was committed "
            "after the copy was made is not in it",
            {{"storage", path},
             {"set_aside", set_aside},
             {"copy", copy},
             {"reason", damage.message}});
    else
        log.error("store_begun_anew",
                  "the store is damaged and has no copy that can be used: it is set aside and a "
                  "new one is begun",
                  {{"storage", path},
                   {"set_aside", set_aside},
                   {"reason", damage.message},
                   {"copy", usable.error().message}});
}

/// Whether a copy with this fault never becomes a store again.
bool is_of_no_use(const Error& fault) {
    return fault.code == Errc::corrupt || fault.code == Errc::not_found;
}

Status copy_bytes(const std::string& from, DraftFile& into) {
    if (const Status room = into.require_room(file_size(from)); !room) return room.error();
    const int source = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
    if (source < 0) return file_error("cannot read " + from, errno);
    Status copied = into.append_all_of(source, from);
    ::close(source);
    return copied;
}

}  // namespace

bool was_a_store(const std::string& path) {
    if (file_size(path + copy_ending) != 0) return true;
    std::array<char, 100> header{};
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    const ssize_t got = ::read(file, header.data(), header.size());
    ::close(file);
    if (got < static_cast<ssize_t>(application_id_at + 4)) return false;
    const std::string_view bytes(header.data(), header.size());
    std::uint32_t id = 0;
    for (const char c : bytes.substr(application_id_at, 4))
        id = id << 8U | static_cast<unsigned char>(c);
    return bytes.starts_with(sqlite_magic) && id == application_id;
}

bool is_missing(const std::string& path) {
    return file_size(path) == 0 && file_size(path + "-wal") == 0 &&
           file_size(path + copy_ending) != 0;
}

void note_suspicion(const std::string& path) {
    (void)create_private_file(path + suspect_ending);
}

bool is_suspect(const std::string& path) {
    return file_exists(path + suspect_ending);
}

void end_suspicion(const std::string& path) {
    ::unlink((path + suspect_ending).c_str());
}

Status replace_damaged(const std::string& path, const Error& damage, WallTime now, Log& log) {
    narrow_modes(path, log);  // what is set aside keeps its mode
    const std::string copy = path + copy_ending;
    const Status usable = check_copy(copy);
    // One that merely cannot be read now may hold every key: it is neither passed over nor moved.
    if (!usable && !is_of_no_use(usable.error())) return usable.error();
    Result<DraftFile> draft = DraftFile::create(path + ".new");
    if (!draft) return draft.error();
    if (usable)
        if (const Status copied = copy_bytes(copy, *draft); !copied) return copied.error();

    const std::string name = unused_name(path, now);
    if (const Status moved = move_away(path, name); !moved) return moved.error();
    // The next copy of the new store would take its place.
    if (!usable && file_size(copy) != 0 &&
        std::rename(copy.c_str(), (name + copy_ending).c_str()) != 0)
        return file_error("cannot rename " + copy, errno);
    if (const Status placed = draft->publish_over(path); !placed) return placed.error();
    end_suspicion(path);
    const bool kept = file_exists(name) || file_exists(name + "-wal");
    tell(path, kept ? name : "there was nothing to keep", damage, usable, log);
    return {};
}

}  // namespace mesh::store
