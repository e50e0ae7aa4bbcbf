// The pipes themselves: what they carry, and what becomes of them afterwards.
#include "proxy/pipe_pool.hpp"

#include "support/catch.hpp"
#include "support/peer.hpp"

#include <csignal>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace mesh;
using namespace mesh::proxy;
using namespace mesh::test;

namespace {

/// A loop that runs until all it watches have been seen ready once.
class Loop final : private EventLoop::Owner, private ReadinessTarget {
 public:
    DescriptorPtr watch(FileDescriptor fd) {
        ++awaited_;
        return loop_.watch(std::move(fd), this);
    }
    void run() { loop_.run(*this); }

 private:
    void on_ready(Descriptor& descriptor) override {
        descriptor.set_target(nullptr);
        if (--awaited_ == 0) loop_.stop();
    }
    bool end_of_turn() override { return false; }
    [[nodiscard]] SteadyTime wake_at() const override { return SteadyTime::max(); }

    EventLoop loop_;
    int awaited_ = 0;
};

/// A socket that never blocks, and the other end of it.
struct Ends {
    Ends() : far(FileDescriptor()) {
        int fds[2] = {-1, -1};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
        REQUIRE(::fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
        near = FileDescriptor(fds[0]);
        far = Peer(FileDescriptor(fds[1]));
    }
    FileDescriptor near;
    Peer far;
};

/// Something to read on one side, a way out on the other.
struct Way {
    Way() {
        Ends in;
        Ends out;
        writer = in.far.release();
        reader = out.far.release();
        source = loop.watch(std::move(in.near));
        sink = loop.watch(std::move(out.near));
    }
    void write(std::string_view bytes) {
        REQUIRE(::write(writer.get(), bytes.data(), bytes.size()) ==
                static_cast<ssize_t>(bytes.size()));
    }
    Loop loop;
    FileDescriptor writer;
    FileDescriptor reader;
    DescriptorPtr source;
    DescriptorPtr sink;
};

}  // namespace

TEST_CASE("pipes: what goes in comes out, and then the pipe is lent again", "[pipes]") {
    Way way;
    way.write("some bytes");
    way.loop.run();
    PipePool pool(1);
    PipePtr pipe = pool.borrow();
    REQUIRE(pipe);
    const Pipe* const first = pipe.get();
    CHECK(pool.lent() == 1);
    CHECK_FALSE(pool.borrow());

    std::size_t count = 0;
    CHECK(pipe->fill(*way.source, count) == Io::ok);
    CHECK(count == 10);
    CHECK(pipe->held() == 10);
    CHECK(pipe->drain(*way.sink) == Io::ok);
    CHECK(pipe->held() == 0);
    Peer reader(std::move(way.reader));
    CHECK(reader.receive(10) == "some bytes");
    CHECK(pipe->fill(*way.source, count) == Io::blocked);
    CHECK(count == 0);
    CHECK_FALSE(way.source->readable());

    pipe.reset();
    CHECK(pool.lent() == 0);
    pipe = pool.borrow();
    CHECK(pipe.get() == first);
}

TEST_CASE("pipes: bytes left in a pipe never reach the next connection", "[pipes]") {
    Way way;
    way.write("left behind");
    Way next;
    next.write("mine");
    way.loop.run();
    next.loop.run();
    PipePool pool(1);
    PipePtr pipe = pool.borrow();
    std::size_t count = 0;
    REQUIRE(pipe->fill(*way.source, count) == Io::ok);
    REQUIRE(pipe->held() == 11);
    pipe.reset();
    CHECK(pool.lent() == 0);

    pipe = pool.borrow();
    REQUIRE(pipe);
    CHECK(pipe->held() == 0);
    REQUIRE(pipe->fill(*next.source, count) == Io::ok);
    CHECK(pipe->drain(*next.sink) == Io::ok);
    Peer reader(std::move(next.reader));
    CHECK(reader.receive(4) == "mine");
}

TEST_CASE("pipes: a sink that takes nothing keeps them full; one that is gone is broken",
          "[pipes]") {
    Way way;
    way.write("some bytes");
    way.loop.run();
    PipePool pool(1);
    PipePtr pipe = pool.borrow();
    std::size_t count = 0;
    REQUIRE(pipe->fill(*way.source, count) == Io::ok);

    SECTION("full") {
        const std::string block(64 * 1024, 'x');
        while (::send(way.sink->fd(), block.data(), block.size(), MSG_DONTWAIT) > 0) {
        }
        CHECK(pipe->drain(*way.sink) == Io::blocked);
        CHECK_FALSE(way.sink->writable());
        CHECK(pipe->held() == 10);
    }
    SECTION("gone") {
        // Workers block the signal this comes with; the test program must not die of it either.
        ::signal(SIGPIPE, SIG_IGN);
        way.reader.reset();
        CHECK(pipe->drain(*way.sink) == Io::broken);
    }
}

TEST_CASE("pipes: where the system refuses to splice, none is lent again", "[pipes]") {
    Loop loop;
    const DescriptorPtr not_a_socket =
        loop.watch(FileDescriptor(::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)));
    loop.run();
    PipePool pool(2);
    PipePtr pipe = pool.borrow();
    REQUIRE(pipe);
    std::size_t count = 1;
    // Not an error of the connection: its bytes can still be read.
    CHECK(pipe->fill(*not_a_socket, count) == Io::ok);
    CHECK(count == 0);
    pipe.reset();
    CHECK_FALSE(pool.borrow());
}
