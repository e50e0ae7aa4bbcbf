#pragma once
#include "base/log.hpp"
#include "base/result.hpp"
#include "store/copy_schedule.hpp"

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace mesh::store {

/// Keeps `<storage>.last`, the copy that is opened when the database is found damaged, and read for
/// what the database cannot give any more. It is made on a thread of its own through a connection
/// of its own, so that commits never wait for it, and takes the place of the one before when it is
/// whole, checked and on disk. A copy that cannot be made disturbs nobody: it is logged when that
/// begins and when it ends, and the one before stays.
class LastCopy {
 public:
    LastCopy(std::string path, const Timing& timing, Log& log);
    /// A copy under way is given up within a step.
    ~LastCopy();
    LastCopy(const LastCopy&) = delete;
    LastCopy& operator=(const LastCopy&) = delete;

    /// Thread-safe. The database can be written from now on: a copy that lacks certificates of an
    /// earlier process is made anew.
    void catch_up();
    /// Thread-safe. A certificate was committed.
    void changed();

 private:
    void run();
    [[nodiscard]] bool is_behind() const;
    [[nodiscard]] Status make();
    [[nodiscard]] Status carry_over(const std::string& draft) const;
    void note(const Status& made);
    [[nodiscard]] bool may_go_on();

    std::string path_;
    std::string copy_path_;
    Log& log_;
    bool failing_ = false;

    std::mutex mutex_;
    std::condition_variable wake_;
    CopySchedule schedule_;
    bool catch_up_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace mesh::store
