// Established connections: every byte, both directions, every way to end.
#include "hello_builder.hpp"
#include "support/catch.hpp"
#include "support/plane.hpp"
#include "support/tls_peer.hpp"

#include <future>
#include <sys/socket.h>
#include <sys/time.h>

using namespace mesh;
using namespace mesh::test;

namespace {

constexpr std::size_t ten_megabytes = std::size_t{10} << 20;

enum class Mode { plain, passthrough, tls };

const char* text(Mode mode) {
    return mode == Mode::plain ? "plain" : mode == Mode::tls ? "tls" : "passthrough";
}

/// A client whose connection is established already, whatever the mode.
class Client {
 public:
    Client(const Plane& plane, Mode mode) : mode_(mode), socket_(plane.connect()) {
        if (mode == Mode::tls) {
            tls_ = std::make_unique<TlsPeer>(std::move(socket_), TlsOptions{});
            REQUIRE(tls_->handshake());
        }
        if (mode == Mode::passthrough) {
            hello_ = as_text(a_client_hello().with_sni("shop.example").build());
            REQUIRE(socket_.send(hello_));
        }
    }
    /// Bytes the backend gets before those that are sent through this client.
    [[nodiscard]] std::size_t ahead() const { return hello_.size(); }
    bool send(std::string_view bytes) { return tls_ ? tls_->send(bytes) : socket_.send(bytes); }
    std::string receive(std::size_t n) { return tls_ ? tls_->receive(n) : socket_.receive(n); }
    std::string receive_all() { return tls_ ? tls_->receive_all() : socket_.receive_all(); }
    Ending ending() { return tls_ ? tls_->ending() : socket_.ending(); }
    void finish_sending() {
        if (tls_) return tls_->close_notify();
        socket_.finish_sending();
    }
    Peer& socket() { return tls_ ? tls_->socket() : socket_; }
    TlsPeer* tls() { return tls_.get(); }

 private:
    Mode mode_;
    Peer socket_;
    std::unique_ptr<TlsPeer> tls_;
    std::string hello_;
};

PlaneBuilder one_backend(Mode mode, std::uint16_t port) {
    PlaneBuilder builder;
    if (mode == Mode::plain) builder.router("r", "HostSNI(`*`)", {port}, plain());
    if (mode == Mode::tls) builder.router("r", "HostSNI(`shop.example`)", {port});
    if (mode == Mode::passthrough) {
        builder.router("r", "HostSNI(`shop.example`)", {port}, passthrough());
    }
    return builder;
}

/// The backend's end of the one connection a test makes.
class HeldBackend {
 public:
    HeldBackend()
        : backend_([this](Peer peer) {
              arrived_.set_value(std::move(peer));
              done_.get_future().wait();
          }) {}
    ~HeldBackend() { done_.set_value(); }
    [[nodiscard]] std::uint16_t port() const { return backend_.port(); }
    Peer take() { return arrived_.get_future().get(); }

 private:
    std::promise<Peer> arrived_;
    std::promise<void> done_;
    Backend backend_;
};

#define FOR_EACH_MODE                                                      \
    const Mode mode = GENERATE(Mode::plain, Mode::passthrough, Mode::tls); \
    CAPTURE(text(mode))

}  // namespace

TEST_CASE("relay: 64 MiB each way at once arrive as they were sent", "[relay]") {
    FOR_EACH_MODE;
    constexpr std::size_t size = std::size_t{64} << 20;
    HeldBackend held;
    Plane plane(one_backend(mode, held.port()));
    plane.serve({"shop.example"});
    Client client(plane, mode);
    Peer backend = held.take();
    REQUIRE(backend.receive(client.ahead()).size() == client.ahead());
    const std::string up = pattern(size, 1);
    const std::string down = pattern(size, 2);

    // OpenSSL's client must not read and write at once, so over TLS the directions take turns.
    std::string got_up;
    std::string got_down;
    std::thread backend_reads([&] { got_up = backend.receive(size); });
    std::thread backend_writes;
    // Assertions belong to this thread alone.
    bool went_up = false;
    bool went_down = false;
    const auto write_down = [&] { went_down = backend.send(down); };
    if (mode == Mode::tls) {
        went_up = client.send(up);
        backend_writes = std::thread(write_down);
        got_down = client.receive(size);
    } else {
        backend_writes = std::thread(write_down);
        std::thread client_writes([&] { went_up = client.send(up); });
        got_down = client.receive(size);
        client_writes.join();
    }
    backend_writes.join();
    backend_reads.join();
    CHECK(went_up);
    CHECK(went_down);
    CHECK(got_up == up);
    CHECK(got_down == down);
}

TEST_CASE("relay: the client ends first with 10 MB in flight", "[relay]") {
    FOR_EACH_MODE;
    HeldBackend held;
    Plane plane(one_backend(mode, held.port()));
    plane.serve({"shop.example"});
    Client client(plane, mode);
    Peer backend = held.take();
    const std::string up = pattern(ten_megabytes, 3);
    const std::string down = pattern(ten_megabytes, 4);

    std::thread sender([&] {
        client.send(up);
        client.finish_sending();
    });
    const std::string got_up = backend.receive_all();
    sender.join();
    CHECK(got_up.substr(client.ahead()) == up);
    CHECK(backend.ending() == Ending::orderly);

    // The other direction is whole, and goes on for as long as it likes.
    std::thread answer([&] {
        backend.send(down);
        backend.finish_sending();
    });
    CHECK(client.receive_all() == down);
    CHECK(client.ending() == Ending::orderly);
    answer.join();
    CHECK(eventually([&] { return plane.idle(); }));
}

TEST_CASE("relay: the server ends first with 10 MB in flight", "[relay]") {
    FOR_EACH_MODE;
    HeldBackend held;
    Plane plane(one_backend(mode, held.port()));
    plane.serve({"shop.example"});
    Client client(plane, mode);
    Peer backend = held.take();
    const std::string up = pattern(ten_megabytes, 5);
    const std::string down = pattern(ten_megabytes, 6);

    std::thread sender([&] {
        backend.send(down);
        backend.finish_sending();
    });
    CHECK(client.receive_all() == down);
    CHECK(client.ending() == Ending::orderly);
    if (client.tls() != nullptr) CHECK(client.tls()->saw_close_notify());
    sender.join();

    std::thread answer([&] {
        client.send(up);
        client.finish_sending();
    });
    CHECK(backend.receive_all().substr(client.ahead()) == up);
    CHECK(backend.ending() == Ending::orderly);
    answer.join();
    CHECK(eventually([&] { return plane.idle(); }));
}

TEST_CASE("relay: a reset on one side is a reset on the other", "[relay]") {
    FOR_EACH_MODE;
    HeldBackend held;
    Plane plane(one_backend(mode, held.port()));
    plane.serve({"shop.example"});
    Client client(plane, mode);
    Peer backend = held.take();
    backend.receive(client.ahead());

    SECTION("by the client") {
        client.socket().reset();
        CHECK(backend.receive_all().empty());
        CHECK(backend.ending() == Ending::reset);
    }
    SECTION("by the server") {
        backend.reset();
        CHECK(client.receive_all().empty());
        CHECK(client.ending() == Ending::reset);
    }
    SECTION("by the server, after the client has ended its side") {
        client.finish_sending();
        backend.receive_all();
        backend.reset();
        client.receive_all();
        CHECK(client.ending() == Ending::reset);
    }
    CHECK(eventually([&] { return plane.idle(); }));
}

TEST_CASE("relay: TLS that ends without close_notify reaches the server as a reset", "[relay]") {
    HeldBackend held;
    Plane plane(one_backend(Mode::tls, held.port()));
    plane.serve({"shop.example"});
    Client client(plane, Mode::tls);
    Peer backend = held.take();

    client.send("half a mess");
    CHECK(backend.receive(11) == "half a mess");
    client.socket().finish_sending();
    CHECK(backend.receive_all().empty());
    CHECK(backend.ending() == Ending::reset);
    CHECK(eventually([&] { return plane.idle(); }));
}

TEST_CASE("relay: a half-closed connection that stays silent is ended", "[relay]") {
    FOR_EACH_MODE;
    HeldBackend held;
    PlaneBuilder builder = one_backend(mode, held.port());
    // Longer than a busy machine makes of a pause between two bytes.
    builder.limits.termination_delay = std::chrono::milliseconds(2'500);
    Plane plane(std::move(builder));
    plane.serve({"shop.example"});
    Client client(plane, mode);
    Peer backend = held.take();

    client.finish_sending();
    backend.receive_all();
    // Bytes keep it alive beyond the delay.
    for (int i = 0; i < 15; ++i) {
        backend.send("x");
        CHECK(client.receive(1) == "x");
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    CHECK_FALSE(plane.idle());
    CHECK(eventually([&] { return plane.idle(); }));
}

TEST_CASE("relay: a busy connection does not starve the others", "[relay]") {
    Backend source([](Peer peer) {
        const std::string block(1 << 20, 'x');
        while (peer.send(block)) {
        }
    });
    Backend echo(Backend::echo);
    PlaneBuilder builder;
    builder.router("s", "HostSNI(`*`)", {source.port()}, plain());
    builder.entry_point("b").router("e", "HostSNI(`*`)", {echo.port()}, plain());
    Plane plane(std::move(builder));

    Peer busy = plane.connect(0);
    std::atomic<bool> stop{false};
    std::thread drain([&] {
        while (!stop) busy.receive(1 << 20);
    });
    Peer quiet = plane.connect(1);
    for (int i = 0; i < 200; ++i) {
        quiet.send("ping");
        REQUIRE(quiet.receive(4) == "ping");
    }
    stop = true;
    drain.join();
}

TEST_CASE("relay: masses of bytes on more connections than there are pipes", "[relay]") {
    // More than the kernel keeps for a client that does not read: all are stuck in the middle
    // before the first is read.
    const std::string expected = pattern(std::size_t{16} << 20, 7);
    Backend source([&](Peer peer) {
        // The last client is read when all others have been, however long that takes.
        const timeval no_limit{};
        ::setsockopt(peer.fd(), SOL_SOCKET, SO_SNDTIMEO, &no_limit, sizeof no_limit);
        peer.send(expected);
        peer.finish_sending();
        peer.receive_all();
    });
    Plane plane(one_backend(Mode::plain, source.port()));
    std::vector<Peer> clients;
    for (int i = 0; i < 40; ++i) clients.push_back(plane.connect());
    CHECK(eventually([&] { return source.accepted() == 40; }));
    std::size_t wrong = 0;
    for (Peer& client : clients) wrong += client.receive_all() == expected ? 0 : 1;
    CHECK(wrong == 0);
    for (Peer& client : clients) client.finish_sending();
    CHECK(eventually([&] { return plane.idle(); }));
}
