// Relays over sockets whose both ends are in hand: how they end when a side takes no bytes.
#include "proxy/relay.hpp"
#include "proxy/socket_address.hpp"
#include "proxy/socket_options.hpp"
#include "support/catch.hpp"
#include "support/peer.hpp"

#include <fcntl.h>
#include <future>
#include <memory>
#include <thread>

using namespace mesh;
using namespace mesh::proxy;
using namespace mesh::test;

namespace {

using std::chrono::milliseconds;

constexpr std::size_t pipes_max = 2;

/// A relay set on a loop of its own.
class RelayBench final : private EventLoop::Owner, private RelaySet::Observer {
    // Before the relays, which report their end even when they are destroyed.
    std::vector<RelayEnd> ended_;
    std::size_t lent_max_ = 0;

 public:
    explicit RelayBench(milliseconds termination_delay)
        : relays(loop, *this, termination_delay, pipes_max), thread_([this] { loop.run(*this); }) {}
    ~RelayBench() {
        if (!thread_.joinable()) return;
        loop.stop();
        thread_.join();
    }
    /// What `task` returns, run on the loop's thread.
    template <class Task>
    auto on_loop(Task task) {
        // Shared: the loop may still be inside it when this thread goes on.
        const auto packaged =
            std::make_shared<std::packaged_task<decltype(task())()>>(std::move(task));
        auto result = packaged->get_future();
        loop.post([packaged] { (*packaged)(); });
        return result.get();
    }
    [[nodiscard]] std::vector<RelayEnd> ended() {
        return on_loop([this] { return ended_; });
    }
    [[nodiscard]] std::size_t pipes_lent() {
        return on_loop([this] { return relays.pipes().lent(); });
    }
    /// The most that were lent at the end of a turn so far.
    [[nodiscard]] std::size_t pipes_lent_max() {
        return on_loop([this] { return lent_max_; });
    }

    EventLoop loop;
    RelaySet relays;

 private:
    bool end_of_turn() override {
        relays.run_again();
        lent_max_ = std::max(lent_max_, relays.pipes().lent());
        relays.sweep();
        return relays.has_runnable();
    }
    [[nodiscard]] SteadyTime wake_at() const override { return loop.now() + milliseconds(10); }
    void on_relay_ended(const Relay&, RelayEnd end, Cause, const BrokenTls&) override {
        ended_.push_back(end);
    }
    void on_bytes_moved(std::uint64_t, std::uint64_t) override {}

    std::thread thread_;
};

/// A TCP connection: ours, non-blocking, and the peer's. `buffer`: what either system keeps at most
/// on the way from us to the peer; 0 leaves it to the system.
struct Connected {
    explicit Connected(int buffer = 0) : peer(FileDescriptor()) {
        const FileDescriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const auto any = *SocketAddress::parse("127.0.0.1", 0);
        REQUIRE(::bind(listener.get(), any.data(), any.size()) == 0);
        if (buffer > 0) set_option(listener.get(), SOL_SOCKET, SO_RCVBUF, buffer);
        REQUIRE(::listen(listener.get(), 1) == 0);
        const auto address = *SocketAddress::of_socket(listener.get());
        FileDescriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (buffer > 0) set_option(fd.get(), SOL_SOCKET, SO_SNDBUF, buffer);
        // The peer's FIN is seen behind all that it sends here, however its segments fall.
        set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, 256 * 1024);
        REQUIRE(::connect(fd.get(), address.data(), address.size()) == 0);
        REQUIRE(::fcntl(fd.get(), F_SETFL, O_NONBLOCK) == 0);
        ours = std::move(fd);
        peer = Peer(FileDescriptor(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    }
    FileDescriptor ours;
    Peer peer;
};

/// Notes that the descriptor is ready for something.
struct Noted final : ReadinessTarget {
    void on_ready(Descriptor&) override { ready = true; }
    std::atomic<bool> ready{false};
};

void relay(RelayBench& bench, Connected& client, Connected& backend, std::string_view ahead = {}) {
    const auto route = std::make_shared<Route>();
    bench.on_loop([&] {
        bench.relays.add_plain({nullptr, route},
                               {},
                               bench.loop.watch(std::move(client.ours), nullptr),
                               bench.loop.watch(std::move(backend.ours), nullptr),
                               as_bytes(ahead));
        return true;
    });
}

constexpr int small = 16 * 1024;

}  // namespace

TEST_CASE("relay set: who ends while the other side takes nothing is on the clock", "[relay]") {
    const bool by_client = GENERATE(true, false);
    CAPTURE(by_client);
    RelayBench bench(milliseconds(200));
    Connected client(by_client ? 0 : small);
    Connected backend(by_client ? small : 0);
    relay(bench, client, backend);

    Peer& speaker = by_client ? client.peer : backend.peer;
    Peer& silent = by_client ? backend.peer : client.peer;
    // More than reaches the silent side, little enough for the end to be seen behind it.
    REQUIRE(speaker.send(pattern(160 * 1024, 1)));
    speaker.close();
    REQUIRE(eventually([&] { return bench.ended().size() == 1; }));
    CHECK(bench.ended().front() == RelayEnd::expired);
    // What it has is not the whole, and it is told so.
    CHECK(silent.receive_all().size() < 160 * 1024);
    CHECK(silent.ending() == Ending::reset);
}

TEST_CASE("relay set: a slow reader behind a half-close gets everything", "[relay]") {
    RelayBench bench(milliseconds(3'500));
    Connected client(small);
    Connected backend;
    relay(bench, client, backend);
    client.peer.finish_sending();
    const std::string sent = pattern(240 * 1024, 2);
    REQUIRE(backend.peer.receive_all().empty());
    REQUIRE(backend.peer.send(sent));

    SECTION("and the server waits for more to say") {}
    SECTION("and the server has ended") {
        backend.peer.finish_sending();
    }
    std::string got;
    // About twice as long as half-closed connections may be silent, which is more than a busy
    // machine makes of a pause, with bytes on the way in every part of it.
    while (got.size() < sent.size()) {
        const std::string some = client.peer.receive(std::min<std::size_t>(2048, sent.size()));
        if (some.empty()) break;
        got += some;
        std::this_thread::sleep_for(milliseconds(55));
    }
    CHECK(got == sent);
}

TEST_CASE("relay set: urgent data in the middle of masses costs none of them", "[relay]") {
    RelayBench bench(milliseconds(60'000));
    Connected client;
    Connected backend;
    relay(bench, client, backend);
    const std::string masses = pattern(std::size_t{16} << 20, 5);
    std::thread sender([&] {
        client.peer.send(masses);
        ::send(client.peer.fd(), "!", 1, MSG_OOB);
        client.peer.send(masses);
        client.peer.finish_sending();
    });
    const bool all_came = backend.peer.receive_all() == masses + masses;
    CHECK(all_came);
    sender.join();
}

TEST_CASE("relay set: a server that breaks before the first byte is told by a reset", "[relay]") {
    RelayBench bench(milliseconds(60'000));
    Connected client;
    Connected backend;
    backend.peer.reset();
    Noted broken;
    DescriptorPtr watched =
        bench.on_loop([&] { return bench.loop.watch(std::move(backend.ours), &broken); });
    REQUIRE(eventually([&] { return broken.ready.load(); }));
    bench.on_loop([&] {
        bench.relays.add_plain({nullptr, std::make_shared<Route>()},
                               {},
                               bench.loop.watch(std::move(client.ours), nullptr),
                               std::move(watched),
                               as_bytes("hello"));
        return true;
    });
    CHECK(client.peer.receive_all().empty());
    CHECK(client.peer.ending() == Ending::reset);
    CHECK(bench.ended() == std::vector<RelayEnd>{RelayEnd::reset});
}

TEST_CASE("relay set: what comes behind urgent data is not left behind", "[relay]") {
    RelayBench bench(milliseconds(60'000));
    Connected client;
    Connected backend;
    REQUIRE(client.peer.send("before"));
    REQUIRE(::send(client.peer.fd(), "!", 1, MSG_OOB) == 1);
    REQUIRE(client.peer.send("behind"));
    relay(bench, client, backend);
    CHECK(backend.peer.receive(12) == "beforebehind");
    // Nor what comes later, in masses.
    const std::string masses = pattern(std::size_t{1} << 20, 4);
    std::thread sender([&] {
        client.peer.send(masses);
        ::send(client.peer.fd(), "!", 1, MSG_OOB);
        client.peer.send("end");
    });
    CHECK(backend.peer.receive(masses.size()) == masses);
    CHECK(backend.peer.receive(3) == "end");
    sender.join();
}

TEST_CASE("relay set: masses of bytes go through pipes, on more connections than there are",
          "[relay]") {
    RelayBench bench(milliseconds(60'000));
    // More than the system keeps for who does not read.
    const std::string sent = pattern(std::size_t{16} << 20, 3);
    std::vector<std::unique_ptr<Connected>> clients;
    std::vector<std::unique_ptr<Connected>> backends;
    std::vector<std::thread> senders;
    for (std::size_t i = 0; i < pipes_max + 1; ++i) {
        clients.push_back(std::make_unique<Connected>());
        backends.push_back(std::make_unique<Connected>());
        relay(bench, *clients.back(), *backends.back());
        senders.emplace_back([&sent, peer = &backends.back()->peer] { peer->send(sent); });
    }
    for (const auto& client : clients) CHECK(client->peer.receive(sent.size()) == sent);
    for (std::thread& sender : senders) sender.join();
    CHECK(bench.pipes_lent_max() >= 1);
    CHECK(bench.pipes_lent_max() <= pipes_max);
    // Given back as soon as the masses have passed.
    CHECK(eventually([&] { return bench.pipes_lent() == 0; }));
}
