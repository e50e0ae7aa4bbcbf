#pragma once
#include "watch/paths.hpp"

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace mesh::watch {

/// The kernel's notices about folders and files (inotify(7)). They are hints to look: none tells
/// what a file holds, and some are lost. One thread.
class Notifier {
 public:
    Notifier();
    ~Notifier();
    Notifier(const Notifier&) = delete;
    Notifier& operator=(const Notifier&) = delete;

    /// Hears about these names and files from now on. False when the kernel gives no more: the
    /// reason is in why().
    [[nodiscard]] bool listen(const NamesByFolder& places, const std::vector<std::string>& files);
    [[nodiscard]] const std::string& why() const { return why_; }
    /// A folder was gone when it was to be listened to: the places are not those of now.
    [[nodiscard]] bool outdated() const { return outdated_; }

    /// To wait on; -1 when there is none.
    [[nodiscard]] int descriptor() const { return descriptor_; }

    struct Heard {
        bool something = false;  ///< about a name that matters
        bool lost = false;       ///< the kernel dropped notices
    };
    /// Takes the notices that are there; does not block.
    [[nodiscard]] Heard take();

 private:
    void close();
    [[nodiscard]] bool add(const std::string& folder, const std::set<std::string>& names);
    void add_files(const std::vector<std::string>& files);
    [[nodiscard]] bool matters(int watch, const char* name) const;

    int descriptor_ = -1;
    std::map<int, std::set<std::string>> names_;  ///< by the kernel's number of the folder or file
    bool outdated_ = false;
    std::string why_;
};

}  // namespace mesh::watch
