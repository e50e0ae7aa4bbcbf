#pragma once
#include "base/executor.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::providers {

/// Takes an endless body to pieces on the HTTP client's thread, and hands its lines to the
/// executor, many at a time. What nobody takes in time is dropped, and that is told.
class DockerEventFeed : public std::enable_shared_from_this<DockerEventFeed> {
 public:
    static constexpr std::size_t line_size_max = std::size_t{1} << 20;
    static constexpr std::size_t backlog_lines_max = 1'000;
    static constexpr std::size_t backlog_size_max = std::size_t{4} << 20;

    struct Batch {
        std::vector<std::string> lines;
        bool lost = false;  ///< there were more
    };
    using Take = std::function<void(Batch)>;

    /// `take` runs on the executor, until shut().
    DockerEventFeed(Executor& executor, Take take);

    /// On any thread, one at a time. False when no more is wanted: it was shut, or a line is longer
    /// than `line_size_max`.
    [[nodiscard]] bool add(std::string_view bytes);

    /// On the executor: nothing is handed on any more, and the executor not used.
    void shut();

    [[nodiscard]] bool has_too_long_line() const;

 private:
    void add_line(std::string line);
    void hand_on();

    mutable std::mutex mutex_;
    Executor* executor_;
    Take take_;
    std::string rest_;  ///< of the last line
    Batch batch_;
    std::size_t batch_size_ = 0;
    bool posted_ = false;
    bool too_long_ = false;
};

}  // namespace mesh::providers
