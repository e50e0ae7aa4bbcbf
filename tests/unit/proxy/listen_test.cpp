// Taking addresses: all or none, never somebody else's, and with words that help.
#include "proxy/inherited_socket.hpp"
#include "proxy/listen_socket.hpp"
#include "proxy/socket_address.hpp"
#include "proxy/socket_options.hpp"
#include "proxy/worker.hpp"
#include "support/catch.hpp"
#include "support/peer.hpp"
#include "support/plane.hpp"

#include <csignal>
#include <fcntl.h>
#include <set>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mesh;
using namespace mesh::test;
using proxy::listen_on;
using proxy::ListenSockets;

TEST_CASE("listen: every worker gets a socket of the one port", "[listen]") {
    const ListenSockets sockets = listen_on({"127.0.0.1", 0}, 4, 128, false);
    REQUIRE(sockets.error == 0);
    REQUIRE(sockets.per_worker.size() == 4);
    REQUIRE(sockets.port != 0);

    // The kernel spreads connections over all of them, the first included.
    std::vector<Peer> clients;
    std::set<std::size_t> served;
    for (int i = 0; i < 200; ++i) clients.push_back(Peer::connect_to(sockets.port));
    for (std::size_t i = 0; i < sockets.per_worker.size(); ++i) {
        const FileDescriptor one(::accept(sockets.per_worker[i].get(), nullptr, nullptr));
        if (one) served.insert(i);
    }
    CHECK(served.size() == 4);
}

TEST_CASE("listen: accepted connections inherit what they need", "[listen]") {
    const ListenSockets sockets = listen_on({"127.0.0.1", 0}, 2, 128, false);
    REQUIRE(sockets.error == 0);
    const Peer client = Peer::connect_to(sockets.port);
    FileDescriptor accepted;
    REQUIRE(eventually([&] {
        for (const FileDescriptor& listener : sockets.per_worker) {
            if (!accepted) accepted = FileDescriptor(::accept(listener.get(), nullptr, nullptr));
        }
        return static_cast<bool>(accepted);
    }));
    const auto option = [&](int level, int name) {
        int value = -1;
        socklen_t size = sizeof value;
        ::getsockopt(accepted.get(), level, name, &value, &size);
        return value;
    };
    CHECK(option(IPPROTO_TCP, TCP_NODELAY) == 1);
    CHECK(option(SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(option(IPPROTO_TCP, TCP_KEEPIDLE) == 60);
    CHECK(option(IPPROTO_TCP, TCP_KEEPINTVL) == 15);
    CHECK(option(IPPROTO_TCP, TCP_KEEPCNT) == 4);
    CHECK(option(IPPROTO_TCP, TCP_USER_TIMEOUT) == 30'000);
}

TEST_CASE("listen: an address in use is refused with its owner", "[listen]") {
    const ListenSockets first = listen_on({"127.0.0.1", 0}, 2, 128, false);
    REQUIRE(first.error == 0);
    const ListenSockets second = listen_on({"127.0.0.1", first.port}, 2, 128, false);
    CHECK(second.error == EADDRINUSE);
    CHECK(second.per_worker.empty());
    CHECK_THAT(second.message,
               ContainsSubstring("cannot bind 127.0.0.1:" + std::to_string(first.port) +
                                 ": address already in use by pid " + std::to_string(::getpid())));
    // Nor does it help to be willing to share what another is not.
    CHECK(listen_on({"", first.port}, 1, 128, false).error == EADDRINUSE);
}

TEST_CASE("listen: the owner is who holds this address, not the port on another", "[listen]") {
    const ListenSockets ours = listen_on({"127.0.0.1", 0}, 1, 128, false);
    REQUIRE(ours.error == 0);
    int ready[2] = {-1, -1};
    REQUIRE(::pipe(ready) == 0);
    const pid_t other = ::fork();
    if (other == 0) {
        ::close(ours.per_worker.front().get());  // or it would hold that one as well
        const ListenSockets held = listen_on({"127.0.0.2", ours.port}, 1, 128, false);
        if (::write(ready[1], held.error == 0 ? "y" : "n", 1) == 1) ::pause();
        ::_exit(0);
    }
    // Nobody but the child holds it: should that die, the read ends.
    ::close(ready[1]);
    char answer = 0;
    CHECK(::read(ready[0], &answer, 1) == 1);
    CHECK(answer == 'y');
    const auto owner = [&](const char* host) {
        return proxy::port_owner(*proxy::SocketAddress::parse(host, ours.port));
    };
    CHECK_THAT(owner("127.0.0.1"), ContainsSubstring("pid " + std::to_string(::getpid()) + " "));
    CHECK_THAT(owner("127.0.0.2"), ContainsSubstring("pid " + std::to_string(other) + " "));
    CHECK(owner("127.0.0.3").empty());
    // Who asks for all is in the way of both.
    CHECK_FALSE(owner("0.0.0.0").empty());
    CHECK_FALSE(owner("::").empty());
    CHECK(owner("::1").empty());
    ::kill(other, SIGKILL);
    ::waitpid(other, nullptr, 0);
    ::close(ready[0]);
}

TEST_CASE("listen: two that share an address both get it", "[listen]") {
    const ListenSockets first = listen_on({"127.0.0.1", 0}, 2, 128, true);
    const ListenSockets second = listen_on({"127.0.0.1", first.port}, 2, 128, true);
    CHECK(first.error == 0);
    CHECK(second.error == 0);
}

TEST_CASE("listen: without a host, IPv4 and IPv6 clients are served", "[listen]") {
    const ListenSockets sockets = listen_on({"", 0}, 1, 128, false);
    REQUIRE(sockets.error == 0);
    CHECK_NOTHROW(Peer::connect_to(sockets.port));
    FileDescriptor v6(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!v6) return;  // a system without IPv6
    const auto loopback = *proxy::SocketAddress::parse("::1", sockets.port);
    CHECK(::connect(v6.get(), loopback.data(), loopback.size()) == 0);
}

TEST_CASE("listen: inherited sockets are dealt out, none left over, none missing", "[listen]") {
    const auto [count, workers] = GENERATE(std::pair{1, 3}, std::pair{2, 3}, std::pair{5, 2});
    ListenSockets bound = listen_on({"127.0.0.1", 0}, static_cast<std::size_t>(count), 128, false);
    REQUIRE(bound.error == 0);
    std::vector<proxy::InheritedSocket> inherited;
    std::vector<const proxy::InheritedSocket*> pointers;
    for (FileDescriptor& one : bound.per_worker)
        inherited.push_back(proxy::inherit(std::move(one), "web", 128));
    for (const proxy::InheritedSocket& one : inherited) pointers.push_back(&one);
    const auto dealt = proxy::deal(pointers, static_cast<std::size_t>(workers));
    REQUIRE(dealt.size() == static_cast<std::size_t>(workers));
    std::set<ino_t> sockets;
    for (const auto& list : dealt) {
        CHECK_FALSE(list.empty());
        CHECK(list.size() <= dealt.front().size());
        for (const FileDescriptor& one : list) {
            struct stat status {};
            REQUIRE(::fstat(one.get(), &status) == 0);
            CHECK((::fcntl(one.get(), F_GETFD) & FD_CLOEXEC) != 0);
            sockets.insert(status.st_ino);
        }
    }
    CHECK(sockets.size() == static_cast<std::size_t>(count));
}

TEST_CASE("listen: inherited sockets of each address go to every worker", "[listen]") {
    std::vector<proxy::InheritedSocket> inherited;
    for (const char* host : {"127.0.0.1", "127.0.0.2"}) {
        ListenSockets bound = listen_on({host, 0}, 1, 128, false);
        REQUIRE(bound.error == 0);
        inherited.push_back(proxy::inherit(std::move(bound.per_worker.front()), "web", 128));
    }
    const auto dealt = proxy::deal({&inherited[0], &inherited[1]}, 2);
    REQUIRE(dealt.size() == 2);
    for (const auto& list : dealt) {
        std::set<std::string> hosts;
        for (const FileDescriptor& one : list)
            hosts.insert(proxy::SocketAddress::of_socket(one.get())->text());
        CHECK(hosts.size() == 2);
    }
}

TEST_CASE("listen: an inherited socket is in the way of addresses that overlap its own",
          "[listen]") {
    const auto passed = [](const std::string& host) {
        ListenSockets bound = listen_on({host, 0}, 1, 128, false);
        REQUIRE(bound.error == 0);
        return proxy::inherit(std::move(bound.per_worker.front()), "mesh", 128);
    };
    const auto all = passed("");
    const auto one = passed("127.0.0.1");
    CHECK(proxy::is_in_the_way(all, {"127.0.0.1", all.bound.port()}));
    CHECK(proxy::is_in_the_way(all, {"0.0.0.0", all.bound.port()}));
    CHECK(proxy::is_in_the_way(one, {"", one.bound.port()}));
    CHECK(proxy::is_in_the_way(one, {"127.0.0.1", one.bound.port()}));
    CHECK_FALSE(proxy::is_in_the_way(one, {"127.0.0.2", one.bound.port()}));
    CHECK_FALSE(proxy::is_in_the_way(all, {"", static_cast<std::uint16_t>(all.bound.port() - 1)}));
}

TEST_CASE("listen: an inherited socket is its address's, whatever it is called", "[listen]") {
    ListenSockets bound = listen_on({"127.0.0.1", 0}, 1, 128, false);
    REQUIRE(bound.error == 0);
    auto socket = proxy::inherit(std::move(bound.per_worker.front()), "web", 128);
    REQUIRE(socket.socket);
    CHECK((::fcntl(socket.socket.get(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK(proxy::serves(socket, {"127.0.0.1", bound.port}, "other"));
    CHECK_FALSE(proxy::serves(socket, {"", bound.port}, "web"));
    CHECK_FALSE(proxy::serves(socket, {"127.0.0.2", bound.port}, "web"));
    CHECK_FALSE(proxy::serves(socket, {"127.0.0.1", 0}, "web"));
    socket.any_port = true;  // bound for an entry point that takes any port: only its name counts
    CHECK(proxy::serves(socket, {"127.0.0.1", 0}, "web"));
    CHECK_FALSE(proxy::serves(socket, {"127.0.0.1", 0}, "other"));
    CHECK_FALSE(proxy::serves(socket, {"127.0.0.1", bound.port}, "web"));
}

TEST_CASE("listen: without a host, sockets of IPv4 and of IPv6 are both right", "[listen]") {
    FileDescriptor v4(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto any = proxy::SocketAddress::any_v4(0);
    REQUIRE(::bind(v4.get(), any.data(), any.size()) == 0);
    REQUIRE(::listen(v4.get(), 16) == 0);
    const auto socket = proxy::inherit(std::move(v4), "web", 128);
    REQUIRE(socket.socket);
    CHECK(proxy::serves(socket, {"", socket.bound.port()}, "web"));
    CHECK(proxy::serves(socket, {"0.0.0.0", socket.bound.port()}, "web"));
    CHECK_FALSE(proxy::serves(socket, {"::", socket.bound.port()}, "web"));
}

TEST_CASE("listen: what does not listen for TCP is not inherited", "[listen]") {
    const auto refusal = [](int fd) {
        const auto socket = proxy::inherit(FileDescriptor(fd), "web", 128);
        const int error = errno;
        CHECK_FALSE(socket.socket);
        CHECK(::fcntl(fd, F_GETFD) == -1);  // closed
        return error;
    };
    CHECK(refusal(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == EINVAL);
    CHECK(refusal(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == EPROTOTYPE);
    CHECK(refusal(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == EAFNOSUPPORT);
    CHECK(refusal(::open("/dev/null", O_RDONLY | O_CLOEXEC)) == ENOTSOCK);
}

TEST_CASE("listen: a privileged port says what is missing", "[listen]") {
    if (::geteuid() == 0) return;  // root may
    const ListenSockets sockets = listen_on({"127.0.0.1", 443}, 1, 128, false);
    CHECK_THAT(sockets.message, ContainsSubstring("give CAP_NET_BIND_SERVICE or use a port"));
}

TEST_CASE("listen: an address that is not ours is named", "[listen]") {
    const ListenSockets sockets = listen_on({"192.0.2.1", 0}, 1, 128, false);
    CHECK(sockets.error == EADDRNOTAVAIL);
    CHECK_THAT(sockets.message, ContainsSubstring("cannot bind 192.0.2.1:0: "));
}

TEST_CASE("listen: a plane reports every failure and keeps nothing", "[listen]") {
    const ListenSockets taken_a = listen_on({"127.0.0.1", 0}, 1, 128, false);
    const ListenSockets taken_b = listen_on({"127.0.0.1", 0}, 1, 128, false);
    PlaneBuilder builder;
    builder.entry_point("b").entry_point("c");
    builder.configuration.entry_points["a"].address.port = taken_a.port;
    builder.configuration.entry_points["b"].address.port = taken_b.port;
    std::uint16_t free_port = closed_port();
    builder.configuration.entry_points["c"].address = {"127.0.0.7", free_port};

    const auto snapshot = *proxy::make_snapshot(builder.configuration, {}, nullptr);
    SystemClock clock;
    NullLog log;
    proxy::DataPlaneSettings settings;
    settings.clock = &clock;
    settings.worker_logs = {&log};
    proxy::DataPlane plane(std::move(settings));
    const auto failures = plane.listen(snapshot);
    REQUIRE(failures.size() == 2);
    CHECK(failures[0].address.port == taken_a.port);
    CHECK(failures[1].address.port == taken_b.port);
    CHECK(listen_on({"127.0.0.7", free_port}, 1, 128, false).error == 0);
}

TEST_CASE("listen: a worker that cannot watch a listener says so and goes on", "[listen]") {
    RecordingLog log;
    const SystemClock clock;
    proxy::WorkerSettings settings;
    proxy::Admission admission(proxy::Admission::Limits{});
    settings.clock = &clock;
    settings.log = &log;
    settings.admission = &admission;
    settings.dispose = [](const std::shared_ptr<const void>&) {};
    proxy::Worker worker(std::move(settings));
    // epoll takes no regular file; it is as unwilling with sockets when it runs out of memory.
    proxy::ListenerChange change;
    change.opened.push_back({1,
                             std::make_shared<proxy::Lifetime>("web"),
                             FileDescriptor(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC))});

    CHECK_NOTHROW(worker.follow(std::move(change), std::make_shared<const proxy::RoutingView>()));

    CHECK(log.count({"ERROR", "listener_failed", "web"}) == 1);
}
