#include "ipc/upgrade_channel.hpp"

#include "ipc/successor.hpp"
#include "support/catch.hpp"

#include <array>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace mesh;
using namespace mesh::ipc;
using namespace std::chrono_literals;

namespace {

using Kind = UpgradeMessage::Kind;

auto soon() {
    return std::chrono::steady_clock::now() + 10s;
}

UpgradeMessage with_sockets(std::size_t count) {
    UpgradeMessage message;
    message.kind = Kind::sockets;
    message.sockets.assign(count, {"web", false});
    message.last = true;
    return message;
}

ino_t inode_of(int fd) {
    struct stat status {};
    REQUIRE(::fstat(fd, &status) == 0);
    return status.st_ino;
}

}  // namespace

TEST_CASE("upgrade channel: descriptors come with their message", "[upgrade]") {
    const auto ends = UpgradeChannel::make();
    REQUIRE(ends.has_value());
    const Descriptor file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const std::vector<int> many(passed_sockets_max, file.get());
    REQUIRE(ends->first.send(with_sockets(many.size()), many, soon()).has_value());
    REQUIRE(ends->first.send({}, {}, soon()).has_value());

    const auto received = ends->second.receive(soon());
    REQUIRE(received.has_value());
    REQUIRE(received->descriptors.size() == passed_sockets_max);
    for (const Descriptor& one : received->descriptors) {
        CHECK(inode_of(one.get()) == inode_of(file.get()));
        CHECK((::fcntl(one.get(), F_GETFD) & FD_CLOEXEC) != 0);
    }
    const auto next = ends->second.receive(soon());
    REQUIRE(next.has_value());
    CHECK(next->message.kind == Kind::offer);
}

TEST_CASE("upgrade channel: more or fewer descriptors than said are refused", "[upgrade]") {
    const auto ends = UpgradeChannel::make();
    REQUIRE(ends.has_value());
    const Descriptor file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const std::array<int, 2> two{file.get(), file.get()};
    for (const std::size_t said : {std::size_t{1}, std::size_t{3}}) {
        REQUIRE(ends->first.send(with_sockets(said), two, soon()).has_value());
        const auto received = ends->second.receive(soon());
        REQUIRE(received.has_error());
        CHECK(received.error().code == Errc::invalid);
    }
}

TEST_CASE("upgrade channel: silence has an end, and so has the other side", "[upgrade]") {
    auto ends = UpgradeChannel::make();
    REQUIRE(ends.has_value());
    const auto silent = ends->first.receive(std::chrono::steady_clock::now() + 20ms);
    REQUIRE(silent.has_error());
    CHECK(silent.error().code == Errc::timeout);
    CHECK_FALSE(ends->first.wait_closed(std::chrono::steady_clock::now() + 20ms));

    REQUIRE(ends->second.send({}, {}, soon()).has_value());
    CHECK_FALSE(ends->first.is_closed());
    { const UpgradeChannel closed = std::move(ends->second); }
    CHECK(ends->first.is_closed());
    CHECK(ends->first.receive(soon()).has_value());
    CHECK(ends->first.receive(soon()).error().code == Errc::closed);
    CHECK(ends->first.wait_closed(soon()));
    CHECK(ends->first.send({}, {}, soon()).error().code == Errc::closed);
}

TEST_CASE("upgrade channel: who is interrupted waits no more, and the other end learns nothing",
          "[upgrade]") {
    auto ends = UpgradeChannel::make();
    REQUIRE(ends.has_value());
    std::thread interrupting([&] { ends->first.interrupt(); });
    CHECK(ends->first.receive(soon()).error().code == Errc::cancelled);
    interrupting.join();
    CHECK(ends->first.receive(soon()).error().code == Errc::cancelled);
    CHECK_FALSE(ends->first.rest(soon()));
    CHECK(ends->second.receive(std::chrono::steady_clock::now() + 20ms).error().code ==
          Errc::timeout);
    CHECK(ends->second.rest(std::chrono::steady_clock::now() + 20ms));
    // What was said still arrives.
    REQUIRE(ends->second.send({}, {}, soon()).has_value());
    CHECK(ends->first.receive(soon()).has_value());
}

TEST_CASE("upgrade channel: an end knows whose process made it", "[upgrade]") {
    const auto ends = UpgradeChannel::make();
    REQUIRE(ends.has_value());
    CHECK(ends->second.maker().value() == ::getpid());
}

TEST_CASE("upgrade channel: half a message, or none, is refused", "[upgrade]") {
    const auto ends = UpgradeChannel::make();
    REQUIRE(ends.has_value());
    const std::string half = R"({"message":"re)";
    REQUIRE(::send(ends->first.fd(), half.data(), half.size(), 0) > 0);
    CHECK(ends->second.receive(soon()).error().code == Errc::invalid);
    const std::string long_one(upgrade_message_max + 1, ' ');
    REQUIRE(::send(ends->first.fd(), long_one.data(), long_one.size(), 0) > 0);
    CHECK(ends->second.receive(soon()).error().code == Errc::limit);
}

TEST_CASE("successor: it has its descriptor and environment, and is no child of ours",
          "[upgrade]") {
    auto ends = UpgradeChannel::make();
    REQUIRE(ends.has_value());
    const auto started = Successor::start(
        {"/bin/sh",
         {"sh", "-c", "printf '{\"message\":\"failed\",\"reason\":\"%s\"}' \"$WHY\" >&3"},
         {"WHY=because"},
         ends->second.fd()});
    REQUIRE(started.has_value());
    { const UpgradeChannel closed = std::move(ends->second); }
    const auto received = ends->first.receive(soon());
    REQUIRE(received.has_value());
    CHECK(received->message.reason == "because");
    CHECK(started->wait_end(soon()));
    CHECK(ends->first.receive(soon()).error().code == Errc::closed);
    int status = 0;
    CHECK(::waitpid(started->pid(), &status, WNOHANG) == -1);
}

TEST_CASE("successor: what cannot be run says why", "[upgrade]") {
    const auto missing = Successor::start({"/nowhere/mesh", {"mesh"}, {}, 0});
    REQUIRE(missing.has_error());
    CHECK(missing.error().message.find("/nowhere/mesh: No such file") == 0);
    CHECK(Successor::start({"/dev/null", {"mesh"}, {}, 0}).error().code == Errc::permission);
}

TEST_CASE("successor: it can be ended", "[upgrade]") {
    const auto started = Successor::start({"/bin/sleep", {"sleep", "600"}, {}, 0});
    REQUIRE(started.has_value());
    CHECK_FALSE(started->wait_end(std::chrono::steady_clock::now() + 10ms));
    started->kill();
    CHECK(started->wait_end(soon()));
    started->kill();  // nobody
}

TEST_CASE("process handle: nobody is no process", "[upgrade]") {
    const auto started = Successor::start({"/bin/sleep", {"sleep", "600"}, {}, 0});
    REQUIRE(started.has_value());
    const auto same = ProcessHandle::open(started->pid());
    REQUIRE(same.has_value());
    CHECK_FALSE(same->wait_end(std::chrono::steady_clock::now()));
    same->kill();
    CHECK(same->wait_end(soon()));
    // No process has this number: pid_max is less.
    CHECK(ProcessHandle::open(4'194'305).has_error());
}
