#include "providers/docker_event_feed.hpp"

#include "providers/docker_event.hpp"

#include <utility>

namespace mesh::providers {

DockerEventFeed::DockerEventFeed(Executor& executor, Take take)
    : executor_(&executor), take_(std::move(take)) {}

bool DockerEventFeed::add(std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    if (executor_ == nullptr || too_long_) return false;
    while (!bytes.empty()) {
        const std::size_t end = bytes.find('\n');
        const std::string_view piece = bytes.substr(0, end);
        if (piece.size() > line_size_max - rest_.size()) {
            too_long_ = true;
            return false;
        }
        rest_.append(piece);
        if (end == std::string_view::npos) break;
        add_line(std::exchange(rest_, {}));
        bytes.remove_prefix(end + 1);
    }
    if (posted_ || (batch_.lines.empty() && !batch_.lost)) return true;
    posted_ = true;
    executor_->post([self = shared_from_this()] { self->hand_on(); });
    return true;
}

void DockerEventFeed::add_line(std::string line) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || is_docker_noise(line)) return;
    if (batch_.lines.size() >= backlog_lines_max || batch_size_ + line.size() > backlog_size_max) {
        batch_.lost = true;
        return;
    }
    batch_size_ += line.size();
    batch_.lines.push_back(std::move(line));
}

void DockerEventFeed::hand_on() {
    Batch batch;
    Take take;
    {
        const std::lock_guard lock(mutex_);
        if (executor_ == nullptr) return;
        posted_ = false;
        batch_size_ = 0;
        batch = std::exchange(batch_, {});
        take = take_;
    }
    take(std::move(batch));
}

void DockerEventFeed::shut() {
    const std::lock_guard lock(mutex_);
    executor_ = nullptr;
}

bool DockerEventFeed::has_too_long_line() const {
    const std::lock_guard lock(mutex_);
    return too_long_;
}

}  // namespace mesh::providers
