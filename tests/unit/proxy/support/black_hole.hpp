#pragma once
#include "proxy/socket_address.hpp"
#include "support/catch.hpp"
#include "support/peer.hpp"

#include <cstdint>
#include <poll.h>
#include <sys/socket.h>
#include <vector>

namespace mesh::test {

/// A port on which the kernel answers nothing: a listener whose backlog is full.
class BlackHole {
 public:
    BlackHole() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const auto any = *proxy::SocketAddress::parse("127.0.0.1", 0);
        REQUIRE(::bind(listener_.get(), any.data(), any.size()) == 0);
        REQUIRE(::listen(listener_.get(), 0) == 0);
        const auto address = *proxy::SocketAddress::of_socket(listener_.get());
        port = address.port();
        for (int i = 0; i < 3; ++i) {
            fillers_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
            ::connect(fillers_.back().get(), address.data(), address.size());
            // From now on it is full, whoever is quicker than the other fillers.
            pollfd waiting{listener_.get(), POLLIN, 0};
            REQUIRE(::poll(&waiting, 1, 20'000) == 1);
        }
    }
    std::uint16_t port = 0;

 private:
    FileDescriptor listener_;
    std::vector<FileDescriptor> fillers_;
};

}  // namespace mesh::test
