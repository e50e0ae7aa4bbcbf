#pragma once
// A connection in memory: what the client wrote and the server has not read yet, and back.
#include "tls/session.hpp"

#include <openssl/bio.h>

#include <algorithm>
#include <limits>

namespace mesh::tls::test {

/// One direction. Ends when its writer is done with it; holds no memory while empty.
class Stream {
 public:
    void put(ByteView bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
    std::size_t take(std::span<std::uint8_t> into) {
        const std::size_t count = std::min(into.size(), size());
        std::copy_n(bytes_.begin() + taken_, count, into.begin());
        taken_ += static_cast<std::ptrdiff_t>(count);
        if (size() == 0) clear();
        return count;
    }
    void end() { ended_ = true; }
    [[nodiscard]] bool ended() const { return ended_ && size() == 0; }
    [[nodiscard]] std::size_t size() const {
        return bytes_.size() - static_cast<std::size_t>(taken_);
    }
    [[nodiscard]] std::uint8_t& operator[](std::size_t i) {
        return bytes_[static_cast<std::size_t>(taken_) + i];
    }
    [[nodiscard]] Bytes all() const { return {bytes_.begin() + taken_, bytes_.end()}; }
    void clear() {
        Bytes().swap(bytes_);
        taken_ = 0;
    }

 private:
    Bytes bytes_;
    std::ptrdiff_t taken_ = 0;
    bool ended_ = false;
};

/// The server's end, with its difficulties.
class Link final : public Transport {
 public:
    Stream to_server;
    Stream to_client;
    std::size_t receive_max = std::numeric_limits<std::size_t>::max();  ///< per call
    std::size_t send_max = std::numeric_limits<std::size_t>::max();     ///< per call
    std::size_t window = std::numeric_limits<std::size_t>::max();       ///< bytes the client holds
    bool reset = false;
    std::size_t sends = 0;
    std::size_t receives = 0;

    Transfer receive(std::span<std::uint8_t> into) override {
        ++receives;
        if (reset) return {Outcome::failed, 0};
        const std::size_t count = to_server.take(into.first(std::min(into.size(), receive_max)));
        if (count > 0) return {Outcome::ok, count};
        return {to_server.ended() ? Outcome::closed : Outcome::would_block, 0};
    }
    Transfer send(ByteView bytes) override {
        ++sends;
        if (reset) return {Outcome::failed, 0};
        const std::size_t room = window - std::min(window, to_client.size());
        const std::size_t count = std::min({bytes.size(), send_max, room});
        if (count == 0) return {Outcome::would_block, 0};
        to_client.put(bytes.first(count));
        return {Outcome::ok, count};
    }
};

}  // namespace mesh::tls::test
