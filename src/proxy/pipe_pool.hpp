#pragma once
#include "proxy/socket_io.hpp"

#include <cstddef>
#include <memory>
#include <vector>

namespace mesh::proxy {

class PipePool;

/// A kernel pipe through which bytes go from one socket to another without being copied.
class Pipe {
 public:
    /// Takes what the socket has, once. `ok` with count 0: the socket has ended, or this is not the
    /// way to its bytes; only a read tells. Call while empty: otherwise "nothing there" and "pipe
    /// full" look the same.
    [[nodiscard]] Io fill(Descriptor& from, std::size_t& count);
    /// Gives what the socket takes. `ok` when the pipe is empty.
    [[nodiscard]] Io drain(Descriptor& to);
    [[nodiscard]] std::size_t held() const { return held_; }

 private:
    friend class PipePool;
    friend struct ReturnPipe;
    Pipe(PipePool& pool, FileDescriptor out, FileDescriptor in)
        : pool_(pool), out_(std::move(out)), in_(std::move(in)) {}

    PipePool& pool_;
    FileDescriptor out_;
    FileDescriptor in_;
    std::size_t held_ = 0;
};

struct ReturnPipe {
    void operator()(Pipe* pipe) const noexcept;
};
/// A pipe on loan. One that comes back with bytes in it is closed.
using PipePtr = std::unique_ptr<Pipe, ReturnPipe>;

/// A worker's pipes: few, opened when first needed, lent to the connections that are busy.
class PipePool {
 public:
    explicit PipePool(std::size_t pipes_max) : pipes_max_(pipes_max) {}

    /// Null when all are lent or the system has none: then bytes are read and written instead.
    [[nodiscard]] PipePtr borrow();
    [[nodiscard]] std::size_t lent() const { return lent_; }

 private:
    friend class Pipe;
    friend struct ReturnPipe;
    std::size_t pipes_max_;
    std::size_t lent_ = 0;
    std::vector<std::unique_ptr<Pipe>> free_;
};

}  // namespace mesh::proxy
