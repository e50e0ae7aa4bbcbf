#include "watch/notifier.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/inotify.h>
#include <system_error>
#include <unistd.h>

namespace mesh::watch {
namespace {

// IN_CLOSE_WRITE, not IN_MODIFY: a file that is being written is not read half way. Whoever keeps
// it open is seen when he changes its times, or never.
constexpr std::uint32_t interest = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                   IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
                                   IN_ONLYDIR | IN_MASK_ADD;
constexpr std::uint32_t interest_in_place =
    IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD;
constexpr std::uint32_t interest_in_file =
    IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_MASK_ADD;

}  // namespace

Notifier::Notifier() = default;

Notifier::~Notifier() {
    close();
}

void Notifier::close() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
    names_.clear();
}

bool Notifier::listen(const NamesByFolder& places, const std::vector<std::string>& files) {
    // From the beginning: watches of folders that are gone would have to be told from the others.
    close();
    descriptor_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (descriptor_ < 0) {
        why_ = "inotify: " + std::generic_category().message(errno);
        return false;
    }
    outdated_ = false;
    for (const auto& [folder, names] : places)
        if (!add(folder, names)) return false;
    add_files(files);
    return true;
}

bool Notifier::add(const std::string& folder, const std::set<std::string>& names) {
    const bool only_its_place = names.empty();
    const int watch = ::inotify_add_watch(
        descriptor_, folder.c_str(), only_its_place ? interest_in_place : interest);
    if (watch >= 0) {
        names_[watch].insert(names.begin(), names.end());
        return true;
    }
    const int error = errno;
    if (error == ENOENT) outdated_ = true;
    if (error == ENOENT || error == ENOTDIR) return true;
    // A folder on the way may be passed without being readable.
    if (error == EACCES && only_its_place) return true;
    close();
    why_ = error == ENOSPC
               ? "no more inotify watches for this user (fs.inotify.max_user_watches)"
               : "cannot watch " + folder + ": " + std::generic_category().message(error);
    return false;
}

/// As many as the kernel gives: their folders tell nearly all of it.
void Notifier::add_files(const std::vector<std::string>& files) {
    for (const std::string& file : files) {
        const int watch = ::inotify_add_watch(descriptor_, file.c_str(), interest_in_file);
        if (watch >= 0) names_[watch].insert("");
        if (watch < 0 && errno == ENOSPC) return;
    }
}

bool Notifier::matters(int watch, const char* name) const {
    const auto found = names_.find(watch);
    if (found == names_.end()) return false;
    return found->second.contains("") || found->second.contains(name);
}

Notifier::Heard Notifier::take() {
    Heard heard;
    alignas(inotify_event) std::array<char, 16 * 1024> buffer{};
    for (;;) {
        const ssize_t got = ::read(descriptor_, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return heard;
        for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
            inotify_event event{};
            std::memcpy(&event, buffer.data() + at, sizeof event);
            const char* const name = event.len > 0 ? buffer.data() + at + sizeof event : "";
            if ((event.mask & IN_Q_OVERFLOW) != 0) heard.lost = true;
            const bool folder_itself =
                (event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) != 0;
            if (folder_itself || matters(event.wd, name)) heard.something = true;
            at += sizeof event + event.len;
        }
    }
}

}  // namespace mesh::watch
