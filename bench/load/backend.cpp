// What stands behind the server under test, at a cost of its own that is not the server's.
#include "measure.hpp"
#include "modes.hpp"
#include "pattern.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <netinet/tcp.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <vector>

namespace mesh::bench {
namespace {

constexpr std::size_t buffer_size = 256 * 1024;
constexpr std::uint8_t tls_handshake = 22;

std::span<std::uint8_t> shared_buffer() {
    static std::vector<std::uint8_t> buffer(buffer_size);
    return buffer;
}

/// Owns itself: gone when the peer is.
class Served : public Watcher {
 public:
    Served(Loop& loop, OwnedFd fd) : loop_(loop), fd_(std::move(fd)) {}
    virtual ~Served() = default;

    void ready() final {
        if (!serve()) delete this;
    }

 protected:
    virtual bool serve() = 0;  ///< false: it is over

    /// Bytes read, 0 for none now, -1 at the end.
    ssize_t receive(std::span<std::uint8_t> into) {
        const auto count = ::recv(fd_.get(), into.data(), into.size(), 0);
        if (count > 0) return count;
        return count < 0 && errno == EAGAIN ? 0 : -1;
    }
    ssize_t send(std::span<const std::uint8_t> from) {
        const auto count = ::send(fd_.get(), from.data(), from.size(), MSG_NOSIGNAL);
        if (count >= 0) return count;
        return errno == EAGAIN ? 0 : -1;
    }

    Loop& loop_;
    OwnedFd fd_;
};

class Echo final : public Served {
 public:
    using Served::Served;

 private:
    bool serve() override {
        while (true) {
            if (!kept_.empty()) {
                const auto sent = send(kept_);
                if (sent < 0) return false;
                kept_.erase(kept_.begin(), kept_.begin() + sent);
                if (!kept_.empty()) return true;
            }
            const auto buffer = shared_buffer();
            const auto count = receive(buffer);
            if (count <= 0) return count == 0;
            const auto read = buffer.first(static_cast<std::size_t>(count));
            const auto sent = send(read);
            if (sent < 0) return false;
            const auto rest = read.subspan(static_cast<std::size_t>(sent));
            kept_.assign(rest.begin(), rest.end());
            // Whatever comes next is told of.
            if (kept_.empty() && read.size() < buffer.size()) return true;
        }
    }

    std::vector<std::uint8_t> kept_;  // not taken by the peer yet
};

class Source final : public Served {
 public:
    using Served::Served;

 private:
    bool serve() override {
        if (!sending_) {
            const auto asked = receive(shared_buffer());
            if (asked <= 0) return asked == 0;
            sending_ = true;
            loop_.change(fd_.get(), *this, Trigger::write);
        }
        const auto sent = send(Pattern::shared().from(place_, Pattern::longest));
        if (sent < 0) return false;
        place_ += static_cast<std::uint64_t>(sent);
        return true;
    }

    std::uint64_t place_ = 0;
    bool sending_ = false;
};

bool verify_sinks = false;

class Sink final : public Served {
 public:
    Sink(Loop& loop, OwnedFd fd) : Served(loop, std::move(fd)) {}

 private:
    bool serve() override {
        const auto buffer = shared_buffer();
        const auto count = receive(buffer);
        if (count <= 0) return count == 0;
        auto bytes = std::span<const std::uint8_t>(buffer.first(static_cast<std::size_t>(count)));
        while (!bytes.empty() && head_.size() < head_size()) {
            head_.push_back(bytes.front());
            bytes = bytes.subspan(1);
        }
        if (head_.size() < head_size()) return true;
        if (verify_sinks && !Pattern::shared().is_at(place_, bytes)) right_ = false;
        place_ += bytes.size();
        return place_ != wanted() || wanted() == 0 || acknowledge();
    }

    /// A ClientHello, if there is one, and the number of bytes to acknowledge.
    [[nodiscard]] std::size_t head_size() const {
        if (head_.empty() || head_[0] != tls_handshake) return 8;
        if (head_.size() < 5) return 5 + 8;
        return 5 + std::size_t{head_[3]} * 256 + head_[4] + 8;
    }

    [[nodiscard]] std::uint64_t wanted() const {
        std::uint64_t number = 0;
        for (const auto byte : std::span(head_).last(8)) number = number << 8 | byte;
        return number;
    }

    bool acknowledge() {
        const std::array<std::uint8_t, 1> answer{
            static_cast<std::uint8_t>(verify_sinks ? (right_ ? 'y' : 'n') : '?')};
        return send(answer) >= 0;
    }

    std::vector<std::uint8_t> head_;
    std::uint64_t place_ = 0;
    bool right_ = true;
};

class Discard final : public Served {
 public:
    using Served::Served;

 private:
    bool serve() override { return receive(shared_buffer()) == 0; }
};

template <class Kind>
constexpr Trigger trigger_of = Trigger::edge;
template <>
constexpr Trigger trigger_of<Source> = Trigger::read;
template <>
constexpr Trigger trigger_of<Sink> = Trigger::read;

template <class Kind>
class Listener final : public Watcher {
 public:
    Listener(Loop& loop, const sockaddr_in& at) : loop_(loop) {
        fd_ = OwnedFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        const int on = 1;
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
            ::listen(fd_.get(), 4096) != 0)
            die(std::string("cannot listen: ") + std::strerror(errno));
        loop_.add(fd_.get(), *this, Trigger::read);
    }

    void ready() override {
        // Several have often come by now; whoever comes later is told of again.
        for (int i = 0; i < 32; ++i) {
            OwnedFd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (!fd) return;
            const int on = 1;
            ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            const int number = fd.get();
            auto served = std::make_unique<Kind>(loop_, std::move(fd));
            loop_.add(number, *served.release(), trigger_of<Kind>);
        }
    }

 private:
    Loop& loop_;
    OwnedFd fd_;
};

/// Becomes true at SIGTERM or SIGINT.
class Termination final : public Watcher {
 public:
    explicit Termination(Loop& loop) {
        sigset_t signals;
        ::sigemptyset(&signals);
        ::sigaddset(&signals, SIGTERM);
        ::sigaddset(&signals, SIGINT);
        ::sigprocmask(SIG_BLOCK, &signals, nullptr);
        fd_ = OwnedFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
        loop.add(fd_.get(), *this, Trigger::read);
    }
    void ready() override { came_ = true; }
    [[nodiscard]] bool came() const { return came_; }

 private:
    OwnedFd fd_;
    bool came_ = false;
};

}  // namespace

void run_backend(const Options& options) {
    verify_sinks = options.verify;
    Loop loop;
    Termination termination(loop);
    std::vector<std::unique_ptr<Listener<Echo>>> echoes;
    std::vector<std::unique_ptr<Listener<Source>>> sources;
    std::vector<std::unique_ptr<Listener<Sink>>> sinks;
    std::vector<std::unique_ptr<Listener<Discard>>> discards;
    const auto listen_at = [&](auto& listeners, const std::vector<sockaddr_in>& addresses) {
        using Kind = typename std::decay_t<decltype(listeners)>::value_type::element_type;
        for (const auto& at : addresses) listeners.push_back(std::make_unique<Kind>(loop, at));
    };
    listen_at(echoes, options.echo);
    listen_at(sources, options.source);
    listen_at(sinks, options.sink);
    listen_at(discards, options.discard);
    Json().text("mode", "backend").text("state", "listening").print();
    loop.run_until(Clock::time_point::max(), {}, [&] { return termination.came(); });
}

}  // namespace mesh::bench
