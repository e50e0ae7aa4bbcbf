#include "ipc/bound_socket.hpp"

#include "ipc/client.hpp"
#include "ipc/unix_path.hpp"
#include "support/catch.hpp"
#include "unit/ipc/folder.hpp"

#include <algorithm>
#include <fstream>
#include <optional>
#include <sys/stat.h>
#include <thread>
#include <vector>

using namespace mesh;
using namespace mesh::ipc;
using namespace mesh::ipc::test;

namespace {

unsigned mode_of(const std::string& path) {
    struct stat status {};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    return status.st_mode & 07777U;
}

/// A socket file nobody listens on: what a killed process leaves.
void abandon(const std::string& path) {
    const auto address = UnixPath::make(path);
    REQUIRE(address.has_value());
    const Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(fd.get(), address->address(), address->size()) == 0);
}

}  // namespace

TEST_CASE("bound socket: the file is for its owner alone, whatever the umask") {
    const Folder folder;
    const mode_t before = ::umask(0);

    const auto bound = BoundSocket::bind(folder.file("mesh.sock"), 4);
    ::umask(before);

    REQUIRE(bound.has_value());
    CHECK(mode_of(bound->path()) == 0600U);
}

TEST_CASE("bound socket: the file goes with the object, but not another's file of that name") {
    const Folder folder;
    const std::string path = folder.file("mesh.sock");
    { REQUIRE(BoundSocket::bind(path, 4).has_value()); }
    CHECK_FALSE(std::filesystem::exists(std::filesystem::symlink_status(path)));

    {
        const auto bound = BoundSocket::bind(path, 4);
        REQUIRE(bound.has_value());
        std::filesystem::remove(path);
        std::ofstream(path) << "somebody else's";
    }
    CHECK(std::filesystem::exists(path));
}

TEST_CASE("bound socket: what a dead owner left is replaced") {
    const Folder folder;
    const std::string path = folder.file("mesh.sock");
    abandon(path);
    REQUIRE(std::filesystem::is_socket(path));
    REQUIRE_FALSE(is_listened_on(path));

    CHECK(BoundSocket::bind(path, 4).has_value());
}

TEST_CASE("bound socket: a live owner keeps its socket") {
    const Folder folder;
    const std::string path = folder.file("mesh.sock");
    const auto owner = BoundSocket::bind(path, 4);
    REQUIRE(owner.has_value());

    const auto second = BoundSocket::bind(path, 4);

    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().code == Errc::conflict);
    CHECK(is_listened_on(path));
}

TEST_CASE("bound socket: a file that is no socket is left alone") {
    const Folder folder;
    const std::string path = folder.file("mesh.sock");
    std::ofstream(path) << "data";

    const auto bound = BoundSocket::bind(path, 4);

    REQUIRE_FALSE(bound.has_value());
    CHECK(bound.error().code == Errc::conflict);
    CHECK(std::filesystem::file_size(path) == 4);
}

TEST_CASE("bound socket: a path longer than a socket address works") {
    const Folder folder;
    const std::string deep = folder.file(std::string(120, 'd'));
    std::filesystem::create_directory(deep);
    const std::string path = deep + "/mesh.db.sock";

    const auto bound = BoundSocket::bind(path, 4);
    REQUIRE(bound.has_value());
    CHECK(mode_of(path) == 0600U);
    CHECK(Client::connect(path).has_value());
}

TEST_CASE("bound socket: of many that start at once exactly one gets an abandoned socket") {
    const Folder folder;
    const std::string path = folder.file("mesh.sock");
    abandon(path);
    std::vector<std::thread> threads;
    std::vector<std::optional<BoundSocket>> bound(8);
    for (auto& one : bound)
        threads.emplace_back([&one, &path] {
            if (auto made = BoundSocket::bind(path, 4)) one = std::move(*made);
        });
    for (std::thread& thread : threads) thread.join();

    CHECK(std::count_if(bound.begin(), bound.end(), [](const auto& b) { return b.has_value(); }) ==
          1);
    CHECK(is_listened_on(path));
}

TEST_CASE("bound socket: a link leads to it, and is replaced only when it leads nowhere") {
    const Folder folder;
    const std::string target = folder.file("run.sock");
    const std::string link = folder.file("mesh.db.sock");
    const auto owner = BoundSocket::bind(target, 4);
    REQUIRE(owner.has_value());

    REQUIRE(point_to(link, target).has_value());
    REQUIRE(point_to(link, target).has_value());
    CHECK(Client::connect(link).has_value());
    const auto other = point_to(link, folder.file("elsewhere.sock"));
    REQUIRE_FALSE(other.has_value());
    CHECK(other.error().code == Errc::conflict);

    std::filesystem::remove(link);
    REQUIRE(point_to(link, folder.file("gone.sock")).has_value());
    CHECK(point_to(link, target).has_value());
}

TEST_CASE("client: nobody listening is told from a refusal") {
    const Folder folder;
    const auto nobody = Client::connect(folder.file("mesh.sock"));
    REQUIRE_FALSE(nobody.has_value());
    CHECK(nobody.error().code == Errc::not_found);
}

TEST_CASE("bound socket: it takes another one's place without a gap", "[upgrade]") {
    const Folder folder;
    const std::string path = folder.file("mesh.sock");
    auto before = std::make_optional(BoundSocket::bind(path, 4));
    REQUIRE(before->has_value());

    const auto after = BoundSocket::take_over(path, 4);
    REQUIRE(after.has_value());
    CHECK(after->path() == path);
    CHECK(mode_of(path) == 0600U);
    CHECK(Client::connect(path).has_value());
    before.reset();  // whose file it is not any more
    CHECK(Client::connect(path).has_value());
    CHECK_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_CASE("bound socket: it takes the place of sockets only, or of nothing", "[upgrade]") {
    const Folder folder;
    const std::string path = folder.file("mesh.sock");
    CHECK(BoundSocket::take_over(path, 4).has_value());
    std::ofstream(path) << "somebody's";
    CHECK(BoundSocket::take_over(path, 4).error().code == Errc::conflict);
}
