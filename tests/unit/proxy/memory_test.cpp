// What connections cost: heap per idle pair, and heap while a reader is slow.
#include "hello_builder.hpp"
#include "proxy/socket_address.hpp"
#include "support/catch.hpp"
#include "support/plane.hpp"
#include "support/tls_peer.hpp"

#include <openssl/crypto.h>

#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mesh;
using namespace mesh::test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool heap_is_measurable = false;  // the sanitizer has an allocator of its own
#else
constexpr bool heap_is_measurable = true;
#endif

std::size_t heap_in_use() {
    return ::mallinfo2().uordblks;
}

constexpr std::size_t warm_up = 64;
constexpr std::size_t pairs = 500;

/// Clients in a process of their own, because a TLS client costs heap too: connects to the port
/// it is told, makes connections when told how many, and keeps them until the pipe closes.
class ClientProcess {
 public:
    explicit ClientProcess(bool tls) {
        int to_child[2];
        int from_child[2];
        REQUIRE(::pipe(to_child) == 0);
        REQUIRE(::pipe(from_child) == 0);
        child_ = ::fork();
        if (child_ == 0) {
            ::close(to_child[1]);
            ::close(from_child[0]);
            serve(to_child[0], from_child[1], tls);
            ::_exit(0);
        }
        ::close(to_child[0]);
        ::close(from_child[1]);
        orders_ = FileDescriptor(to_child[1]);
        answers_ = FileDescriptor(from_child[0]);
    }
    ~ClientProcess() {
        orders_.reset();
        ::waitpid(child_, nullptr, 0);
    }
    /// True when all are established and have exchanged a byte with the backend.
    bool connect(std::uint16_t port, std::size_t count) {
        const std::uint32_t order[2] = {port, static_cast<std::uint32_t>(count)};
        char answer = 0;
        return ::write(orders_.get(), order, sizeof order) == sizeof order &&
               ::read(answers_.get(), &answer, 1) == 1 && answer == 'y';
    }

 private:
    static void serve(int orders, int answers, bool tls) {
        std::vector<std::unique_ptr<TlsPeer>> secure;
        std::vector<Peer> open;
        const std::string hello(as_text(a_client_hello().with_sni("pass.example").build()));
        std::uint32_t order[2] = {};
        while (::read(orders, order, sizeof order) == sizeof order) {
            char answer = 'y';
            for (std::uint32_t i = 0; i < order[1]; ++i) {
                Peer peer = Peer::connect_to(static_cast<std::uint16_t>(order[0]));
                bool works = false;
                if (tls) {
                    secure.push_back(std::make_unique<TlsPeer>(std::move(peer), TlsOptions{}));
                    works = secure.back()->handshake() && secure.back()->send("x") &&
                            secure.back()->receive(1) == "x";
                } else {
                    open.push_back(std::move(peer));
                    works = open.back().send(hello) && open.back().receive(hello.size()) == hello;
                }
                if (!works) answer = 'n';
            }
            static_cast<void>(!::write(answers, &answer, 1));
        }
    }
    pid_t child_ = -1;
    FileDescriptor orders_;
    FileDescriptor answers_;
};

/// An echo server in a process of its own.
class BackendProcess {
 public:
    BackendProcess() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const auto any = *proxy::SocketAddress::parse("127.0.0.1", 0);
        REQUIRE(::bind(listener_.get(), any.data(), any.size()) == 0);
        REQUIRE(::listen(listener_.get(), 1024) == 0);
        port = proxy::SocketAddress::of_socket(listener_.get())->port();
        child_ = ::fork();
        if (child_ == 0) serve();
        listener_.reset();
    }
    ~BackendProcess() {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }
    std::uint16_t port = 0;

 private:
    [[noreturn]] void serve() {
        std::vector<Peer> kept;
        for (;;) {
            FileDescriptor fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!fd) ::_exit(1);
            kept.emplace_back(std::move(fd));
            std::array<char, 4096> bytes;
            const ssize_t got = ::recv(kept.back().fd(), bytes.data(), bytes.size(), 0);
            if (got > 0) kept.back().send({bytes.data(), static_cast<std::size_t>(got)});
        }
    }
    FileDescriptor listener_;
    pid_t child_ = -1;
};

std::size_t heap_per_pair(bool tls) {
    BackendProcess backend;
    ClientProcess clients(tls);
    PlaneBuilder builder;
    builder.router("s", "HostSNI(`shop.example`)", {backend.port});
    builder.router("p", "HostSNI(`pass.example`)", {backend.port}, passthrough());
    Plane plane(std::move(builder));
    plane.serve({"shop.example"});
    for (RecordingLog& log : plane.logs) log.disable();

    REQUIRE(clients.connect(plane.port(), warm_up));
    plane.settle();
    const std::size_t before = heap_in_use();
    REQUIRE(clients.connect(plane.port(), pairs));
    plane.settle();
    const std::size_t after = heap_in_use();
    REQUIRE(eventually([&] { return plane.plane->counters().open == warm_up + pairs; }));
    return (after - before) / pairs;
}

}  // namespace

TEST_CASE("memory: an idle passed-through pair keeps at most 800 bytes", "[memory]") {
    if (!heap_is_measurable) return;
    const std::size_t cost = heap_per_pair(false);
    CAPTURE(cost);
    CHECK(cost <= 800);
    CHECK(cost > 100);  // or nothing was measured
}

// What newer libraries keep per session of their own is told in unit.tls.
TEST_CASE("memory: an idle TLS pair keeps at most 16 kB, 32 kB with OpenSSL 3.2 and newer",
          "[memory]") {
    if (!heap_is_measurable) return;
    const std::size_t cost = heap_per_pair(true);
    CAPTURE(cost);
    CHECK(cost <= (OpenSSL_version_num() < 0x3020'0000UL ? 16'000 : 32'000));
    CHECK(cost > 1000);
}

TEST_CASE("memory: a slow reader makes the proxy keep at most 256 kB", "[memory]") {
    if (!heap_is_measurable) return;
    const bool tls = GENERATE(false, true);
    CAPTURE(tls);
    // The sender always has more, and sends from one block.
    Backend source([](Peer peer) {
        const std::string block(64 * 1024, 'x');
        while (peer.send(block)) {
        }
    });
    PlaneBuilder builder;
    builder.router("s", "HostSNI(`shop.example`)", {source.port()});
    builder.router("p", "HostSNI(`*`)", {source.port()}, plain());
    Plane plane(std::move(builder));
    plane.serve({"shop.example"});

    Peer socket = plane.connect();
    socket.limit_receive_buffer(32 * 1024);
    std::unique_ptr<TlsPeer> client;
    if (tls) {
        client = std::make_unique<TlsPeer>(std::move(socket), TlsOptions{});
        REQUIRE(client->handshake());
    } else {
        socket.send("x");
    }
    const auto read = [&](std::size_t count) {
        return tls ? client->receive(count).size() : socket.receive(count).size();
    };
    REQUIRE(read(64 * 1024) == 64 * 1024);
    const std::size_t before = heap_in_use();
    std::size_t most = before;
    constexpr std::size_t step = 64 * 1024;
    for (std::size_t got = 0; got < (std::size_t{8} << 20); got += step) {
        REQUIRE(read(step) == step);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        most = std::max(most, heap_in_use());
    }
    CHECK(most - before <= 256 * 1024);
}
