// The small parts of a worker.
#include "proxy/admission.hpp"
#include "proxy/event_loop.hpp"
#include "proxy/listener.hpp"
#include "proxy/name_throttle.hpp"
#include "proxy/socket_address.hpp"
#include "support/catch.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <thread>
#include <vector>

using namespace mesh;
using namespace mesh::proxy;

TEST_CASE("addresses: text and sources", "[address]") {
    struct Case {
        const char* literal;
        const char* text;
    };
    const Case cases[] = {
        {"192.0.2.1", "192.0.2.1:443"},
        {"2001:db8::1", "[2001:db8::1]:443"},
        {"::ffff:192.0.2.1", "192.0.2.1:443"},
    };
    for (const Case& test : cases)
        CHECK(SocketAddress::parse(test.literal, 443)->text() == test.text);
    for (const char* const wrong : {"", "shop.example", "192.0.2", "::g", "[::1]"}) {
        CHECK_FALSE(SocketAddress::parse(wrong, 443));
    }

    const auto source = [](const char* literal) {
        return SourcePrefix(*SocketAddress::parse(literal, 1));
    };
    CHECK(source("192.0.2.1") == source("::ffff:192.0.2.1"));
    CHECK_FALSE(source("192.0.2.1") == source("192.0.2.2"));
    CHECK(source("2001:db8:1:2::1") == source("2001:db8:1:2:ffff::9"));
    CHECK_FALSE(source("2001:db8:1:2::1") == source("2001:db8:1:3::1"));
    CHECK_FALSE(source("0.0.0.1") == source("0:0:0:1::"));
    CHECK(source("::ffff:192.0.2.1").text() == "192.0.2.1");
    CHECK(source("2001:db8:1:2:ffff::9").text() == "2001:db8:1:2::/64");
}

TEST_CASE("admission: limits are exact over many threads", "[admission]") {
    Admission admission({100, 50, 10});
    const SourcePrefix sources[] = {SourcePrefix(*SocketAddress::parse("192.0.2.1", 1)),
                                    SourcePrefix(*SocketAddress::parse("2001:db8::1", 1))};
    std::atomic<bool> exceeded{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 3000; ++i) {
                std::vector<Admission::ConnectionSlot> connections;
                std::vector<Admission::HandshakeSlot> handshakes;
                for (int k = 0; k < 40; ++k) {
                    if (auto slot = admission.open()) connections.push_back(std::move(*slot));
                    auto handshake = admission.begin_handshake();
                    if (!handshake) continue;
                    if (admission.count_source(*handshake, sources[t % 2])) {
                        handshakes.push_back(std::move(*handshake));
                    }
                }
                if (admission.connections() > 100 || admission.handshakes() > 50) exceeded = true;
                if (handshakes.size() > 10) exceeded = true;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK_FALSE(exceeded);
    CHECK(admission.connections() == 0);
    CHECK(admission.handshakes() == 0);
    // Nothing is left behind that would count against a source.
    std::vector<Admission::HandshakeSlot> all;
    for (int i = 0; i < 10; ++i) {
        all.push_back(*admission.begin_handshake());
        CHECK(admission.count_source(all.back(), sources[0]));
    }
    auto eleventh = admission.begin_handshake();
    CHECK_FALSE(admission.count_source(*eleventh, sources[0]));
    CHECK(admission.count_source(*eleventh, sources[1]));
}

TEST_CASE("listener: an error that lasts makes it pause, and closing does not wait", "[listener]") {
    struct CountingSink final : Listener::Sink {
        EntryPointShare share_of(const Lifetime&) const override { return {}; }
        void on_accepted(const LifetimePtr&,
                         FileDescriptor,
                         const SocketAddress&,
                         Admission::ConnectionSlot,
                         Admission::HandshakeSlot) override {}
        void on_accept_paused(const Lifetime&, std::string_view why) override {
            ++pauses;
            reason = why;
        }
        int pauses = 0;
        std::string reason;
    };
    EventLoop loop;
    Admission admission({100, 100, 100});
    CountingSink sink;
    // Every accept on it fails in the same way.
    Listener listener(loop,
                      admission,
                      sink,
                      std::make_shared<Lifetime>("any"),
                      FileDescriptor(::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)),
                      128,
                      std::chrono::milliseconds(100));
    const DescriptorPtr any = loop.watch(FileDescriptor(::eventfd(1, EFD_NONBLOCK)), nullptr);
    listener.on_ready(*any);
    CHECK(sink.pauses == 1);
    CHECK(sink.reason == "Socket operation on non-socket");
    CHECK(listener.resume_at() == loop.now() + std::chrono::milliseconds(100));
    CHECK(admission.connections() == 0);
    CHECK(admission.handshakes() == 0);
    listener.close();
    CHECK(listener.resume_at() == SteadyTime::max());
}

TEST_CASE("event loop: a descriptor that another process has a copy of says nothing once closed",
          "[event_loop][upgrade]") {
    struct Turns final : EventLoop::Owner {
        bool end_of_turn() override {
            if (++count == 3) loop->stop();
            return true;
        }
        [[nodiscard]] SteadyTime wake_at() const override { return SteadyTime::max(); }
        EventLoop* loop = nullptr;
        int count = 0;
    };
    struct Counter final : ReadinessTarget {
        void on_ready(Descriptor&) override { ++count; }
        int count = 0;
    };
    EventLoop loop;
    loop.expect_copies(true);
    Counter counter;
    FileDescriptor event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    const FileDescriptor copy(::fcntl(event.get(), F_DUPFD_CLOEXEC, 0));
    DescriptorPtr watched = loop.watch(std::move(event), &counter);
    // Freed at the end of a turn, its address would be what the event names.
    Descriptor* const raw = watched.get();
    watched.reset();
    raw->set_target(&counter);
    REQUIRE(::eventfd_write(copy.get(), 1) == 0);
    Turns turns;
    turns.loop = &loop;
    loop.run(turns);
    CHECK(counter.count == 0);
}

TEST_CASE("throttle: a name passes once a minute, and names made up fill nothing", "[throttle]") {
    NameThrottle throttle;
    const SteadyTime start{};
    CHECK(throttle.allow("a.example", start));
    CHECK_FALSE(throttle.allow("a.example", start + std::chrono::seconds(59)));
    CHECK(throttle.allow("a.example", start + std::chrono::seconds(60)));

    std::size_t passed = 0;
    for (int i = 0; i < 100'000; ++i) {
        passed += throttle.allow("n" + std::to_string(i), start + std::chrono::seconds(61)) ? 1 : 0;
    }
    CHECK(passed <= NameThrottle::names_max);
    CHECK(throttle.size() <= NameThrottle::names_max);
    CHECK(throttle.allow("later.example", start + std::chrono::seconds(125)));

    LineThrottle lines;
    const SteadyTime now = std::chrono::steady_clock::now();
    CHECK(lines.allow(now));
    CHECK_FALSE(lines.allow(now + std::chrono::milliseconds(999)));
    CHECK(lines.allow(now + std::chrono::milliseconds(1000)));
}
