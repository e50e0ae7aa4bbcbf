#pragma once
#include "proxy/connection_record.hpp"
#include "proxy/event_loop.hpp"
#include "proxy/middleware.hpp"
#include "proxy/pipe_pool.hpp"
#include "proxy/relay_end.hpp"
#include "proxy/server_end.hpp"
#include "proxy/snapshot.hpp"
#include "proxy/socket_options.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>

namespace mesh::proxy {

class RelaySet;

/// How a relay ended; for the log.
enum class RelayEnd {
    complete,  ///< both sides ended in good order
    reset,     ///< one side broke, the other was told so by a reset
    expired,   ///< one side has ended and nothing was delivered for too long
    idle,      ///< no byte was delivered for as long as the entry point allows
    removed,   ///< its router or entry point is configured no more
    cut,       ///< the proxy is going down
};
[[nodiscard]] std::string_view to_string(RelayEnd end);

/// What the TLS of the side that broke knows of it.
struct BrokenTls {
    const tls::Session* session = nullptr;  ///< null: that side speaks none
    const TlsServer* server = nullptr;      ///< null: that side is the client
    /// The server has ended it by an alert before any other word: it took the handshake and then
    /// refused what it had been shown in it (RFC 8446 §4.4.2.4), most often.
    bool is_refusal = false;

    /// Empty where nothing is known.
    [[nodiscard]] std::string_view reason() const {
        return session ? std::string_view(session->failure().message) : std::string_view();
    }
};

/// The way a connection came.
struct Origin {
    LifetimePtr entry_point;
    RoutePtr route;
    std::unique_ptr<ConnectionRecord> record = {};  ///< where the connection log is on
};

/// An established connection: two descriptors between which bytes are moved as events come, with
/// full half-close. A plain object without a coroutine, so that an idle pair costs a few hundred
/// bytes. Bytes are kept only while a side does not take them, one turn's worth per direction;
/// until they are gone the other side is not read.
class Relay : public ReadinessTarget {
 public:
    virtual ~Relay() = default;
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    /// Moves what can be moved, up to a budget. The relay may be gone afterwards.
    virtual void move_bytes() = 0;
    /// Tells both sides that nothing more comes, without waiting for them: in good order when every
    /// byte that came has left, otherwise by a reset, because half a transfer must not look whole.
    virtual void say_goodbye() = 0;
    /// Closing sends resets.
    virtual void reset_both() = 0;
    /// Does what only a connection that lasts is worth: a dead server is noticed from now on, and a
    /// client may take its time again.
    virtual void settle_in() = 0;
    /// Bytes that came from one side and the other has not acknowledged, wherever they are.
    [[nodiscard]] virtual std::size_t undelivered() const = 0;

    [[nodiscard]] const Route& route() const { return *origin_.route; }
    [[nodiscard]] const Lifetime* entry_point() const { return origin_.entry_point.get(); }
    /// When its router or entry point wants it to end; SteadyTime::max() as long as none does.
    [[nodiscard]] SteadyTime ends_at() const;
    /// Null unless the connection log was on when it was accepted.
    [[nodiscard]] ConnectionRecord* record() const { return origin_.record.get(); }
    /// Of a half-closed one on which nothing is delivered: who keeps the other waiting.
    [[nodiscard]] virtual Cause whom_it_waits_for() const = 0;
    /// What is known of its server; null where that is not kept.
    [[nodiscard]] ServerState* server_state() const { return held_.server.state(); }
    [[nodiscard]] std::uint64_t bytes_up() const { return up_.bytes; }
    [[nodiscard]] std::uint64_t bytes_down() const { return down_.bytes; }

    /// Zero: it may be idle for ever.
    [[nodiscard]] std::chrono::milliseconds idle_timeout() const;

    void on_ready(Descriptor&) final;

 protected:
    Relay(RelaySet& set, Origin origin, Held held)
        : set_(set), origin_(std::move(origin)), held_(std::move(held)) {}

    struct Direction {
        std::uint64_t bytes = 0;
        bool ended = false;      ///< the source has sent its last byte
        bool finished = false;   ///< and the destination was told
        bool in_masses = false;  ///< bytes come so that a pipe is worth its calls
        PipePtr pipe;  ///< during a turn, and while it has bytes that the sink does not take
    };
    enum class Outcome { waiting, more, source_broken, sink_broken };

    RelaySet& set_;
    Origin origin_;
    Direction up_;          ///< client to backend
    Direction down_;        ///< backend to client
    KeepAlive keep_alive_;  ///< of the server

 private:
    friend class RelaySet;
    void take_turn();

    Held held_;
    Relay* next_ = nullptr;
    Relay* previous_ = nullptr;
    // Kept only while half-closed, or where connections may be too idle.
    SteadyTime last_byte_{};       ///< when `delivered_` last changed, as far as was looked
    SteadyTime next_idle_look_{};  ///< whether it is too idle
    std::uint64_t delivered_ = 0;  ///< bytes acknowledged, both ways
    /// Of a half-closed one, in milliseconds; 0: as the set has it.
    std::uint32_t termination_delay_ = 0;
    std::uint32_t newcomer_ = settled;  ///< its place among them
    static constexpr std::uint32_t settled = std::numeric_limits<std::uint32_t>::max();
    bool unsettled_ = false;    ///< `delivered_` may change
    bool half_closed_ = false;  ///< one side has ended
    bool runnable_ = false;
};

/// A worker's relays, and what they share: the scratch buffer every byte passes through.
class RelaySet {
 public:
    struct Observer {
        virtual void on_relay_ended(const Relay& relay,
                                    RelayEnd end,
                                    Cause cause,
                                    const BrokenTls& broken) = 0;
        /// So many bytes more have left one side for the other.
        virtual void on_bytes_moved(std::uint64_t up, std::uint64_t down) = 0;

     protected:
        ~Observer() = default;
    };

    /// `pipes_max`: connections that may move masses of bytes at once without copying them.
    RelaySet(EventLoop& loop,
             Observer& observer,
             std::chrono::milliseconds termination_delay,
             std::size_t pipes_max);
    ~RelaySet();
    RelaySet(const RelaySet&) = delete;
    RelaySet& operator=(const RelaySet&) = delete;

    /// From here on bytes flow between the two; `for_backend` is sent ahead of anything else.
    void add_plain(
        Origin origin, Held held, DescriptorPtr client, ServerEnd backend, ByteView for_backend);
    void add_tls(Origin origin, Held held, std::unique_ptr<TlsStream> client, ServerEnd backend);

    /// Gives a turn to each relay that had more to do than its budget allowed.
    void run_again();
    [[nodiscard]] bool has_runnable() const { return !runnable_.empty(); }

    /// Lets those that have been there for a moment settle in.
    void settle_newcomers();
    /// The next time at which some may have to; SteadyTime::max() without.
    [[nodiscard]] SteadyTime next_settling() const { return next_settling_; }

    /// Ends half-closed relays of which neither side has acknowledged a byte for longer than the
    /// termination delay, or their idle timeout.
    void sweep();
    [[nodiscard]] bool has_half_closed() const { return half_closed_.first != nullptr; }

    /// Entry points may have another idle timeout now.
    void expect_idle() { next_idle_look_ = loop_.now(); }
    /// The next time at which end_idle() looks; SteadyTime::max() where none has to.
    [[nodiscard]] SteadyTime next_idle_look() const { return next_idle_look_; }
    /// Ends those without a byte for too long, up to a quarter of their time late. Those that
    /// are half-closed are sweep()'s.
    void end_idle();

    /// Routers or entry points were removed: some relays may have to end at that time.
    void expect_end(SteadyTime at) { next_end_ = std::min(next_end_, at); }
    /// The next time at which one has to; SteadyTime::max() without.
    [[nodiscard]] SteadyTime next_end() const { return next_end_; }
    /// Ends those whose time has come.
    void end_removed();

    /// Ends now what came through the entry points that are `meant`. Returns how many there were.
    std::size_t cut_where(const std::function<bool(const Lifetime*)>& meant);
    /// Ends every relay now. Returns how many there were.
    std::size_t cut_all();
    [[nodiscard]] std::size_t size() const { return size_; }

    // For relays.
    [[nodiscard]] SteadyTime now() const { return loop_.now(); }
    [[nodiscard]] std::span<std::uint8_t> scratch() { return scratch_; }
    [[nodiscard]] PipePool& pipes() { return pipes_; }
    void again(Relay& relay);
    /// One side has ended, and bytes may have moved.
    void note_half_closed(Relay& relay);
    /// Destroys the relay. `cause`: whose doing it was.
    void end(Relay& relay, RelayEnd how, Cause cause, const BrokenTls& broken = {});
    void count_bytes(std::uint64_t up, std::uint64_t down) { observer_.on_bytes_moved(up, down); }

 private:
    struct List {
        Relay* first = nullptr;
        void add(Relay& relay);
        void remove(Relay& relay);
    };
    template <class ClientEnd>
    void add(Origin origin, Held held, ClientEnd client, ServerEnd backend, ByteView for_backend);
    template <class ClientEnd, class BackendEnd>
    [[nodiscard]] Relay* adopt(
        Origin origin, Held held, ClientEnd client, BackendEnd backend, ByteView for_backend);
    void adopt(std::unique_ptr<Relay> relay);
    [[nodiscard]] std::chrono::milliseconds termination_delay(const Relay& relay) const;
    void add_newcomer(Relay& relay);
    void forget_newcomer(Relay& relay);
    void look_for_progress(Relay& relay) const;
    [[nodiscard]] bool note_delivered(Relay& relay) const;

    EventLoop& loop_;
    Observer& observer_;
    const std::chrono::milliseconds termination_delay_;
    Bytes scratch_;
    PipePool pipes_;
    List open_;
    List half_closed_;
    std::vector<Relay*> runnable_;
    std::vector<Relay*> running_;  ///< scratch of run_again()
    std::vector<Relay*> newcomers_;
    SteadyTime next_settling_ = SteadyTime::max();
    SteadyTime next_end_ = SteadyTime::max();
    SteadyTime next_idle_look_ = SteadyTime::max();
    std::size_t size_ = 0;
};

}  // namespace mesh::proxy
