#include "proxy/pipe_pool.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>

namespace mesh::proxy {

namespace {

/// Four times the usual: half the calls. Where the system refuses it, the usual will do.
constexpr int pipe_size = 256 * 1024;
/// More than a pipe holds; the kernel takes what fits.
constexpr std::size_t chunk = std::size_t{1} << 20;

/// Like splice(2), but not interrupted.
ssize_t move_bytes(int from, int to, std::size_t count) {
    ssize_t moved = 0;
    do {
        moved = ::splice(from, nullptr, to, nullptr, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    } while (moved < 0 && errno == EINTR);
    return moved;
}

/// The system does not let us splice, which says nothing about the connection.
bool is_refused(int error) {
    return error == EINVAL || error == ENOSYS || error == EPERM;
}

}  // namespace

Io Pipe::fill(Descriptor& from, std::size_t& count) {
    count = 0;
    if (!from.readable()) return Io::blocked;
    const ssize_t moved = move_bytes(from.fd(), in_.get(), chunk);
    if (moved < 0 && errno == EAGAIN) {
        from.clear_readable();
        return Io::blocked;
    }
    if (moved < 0 && is_refused(errno)) {
        pool_.pipes_max_ = 0;
        return Io::ok;
    }
    if (moved < 0) return Io::broken;
    // 0 is no proof of the end: the kernel also says so when a receive buffer ran over.
    count = static_cast<std::size_t>(moved);
    held_ += count;
    return Io::ok;
}

Io Pipe::drain(Descriptor& to) {
    while (held_ > 0) {
        if (!to.writable()) return Io::blocked;
        const ssize_t moved = move_bytes(out_.get(), to.fd(), held_);
        if (moved > 0) {
            held_ -= static_cast<std::size_t>(moved);
            continue;
        }
        if (moved == 0 || errno != EAGAIN) return Io::broken;
        to.clear_writable();
    }
    return Io::ok;
}

void ReturnPipe::operator()(Pipe* pipe) const noexcept {
    std::unique_ptr<Pipe> owned(pipe);
    PipePool& pool = owned->pool_;
    --pool.lent_;
    // The vector has had room for every pipe since the first was made: this allocates nothing.
    if (owned->held() == 0) pool.free_.push_back(std::move(owned));
}

PipePtr PipePool::borrow() {
    if (lent_ >= pipes_max_) return nullptr;
    if (free_.empty()) {
        free_.reserve(pipes_max_);
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return nullptr;
        FileDescriptor out(ends[0]);
        FileDescriptor in(ends[1]);
        static_cast<void>(::fcntl(in.get(), F_SETPIPE_SZ, pipe_size));
        free_.push_back(std::unique_ptr<Pipe>(new Pipe(*this, std::move(out), std::move(in))));
    }
    PipePtr lent(free_.back().release());
    free_.pop_back();
    ++lent_;
    return lent;
}

}  // namespace mesh::proxy
