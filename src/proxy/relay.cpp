#include "proxy/relay.hpp"

#include <algorithm>
#include <new>
#include <type_traits>

namespace mesh::proxy {

namespace {

constexpr std::size_t scratch_size = 64 * 1024;
/// What one relay may move per direction before others get their turn.
constexpr std::size_t turn_budget = 256 * 1024;
/// A connection that ends before has no use for what settle_in() does, which is a third of the
/// system calls of one that brings one request.
constexpr std::chrono::seconds before_settling{1};
constexpr std::size_t settled_at_once = 256;
/// Less at a time is as well copied.
constexpr std::size_t worth_a_pipe = 8 * 1024;

/// How often a relay is looked at that may be without a byte for `timeout`.
std::chrono::milliseconds look_interval(std::chrono::milliseconds timeout) {
    using std::chrono::milliseconds;
    return std::clamp<milliseconds>(timeout / 8, milliseconds(50), std::chrono::seconds(10));
}

BrokenTls tls_of(const PlainEnd&) {
    return {};
}

BrokenTls tls_of(const TlsEnd& end) {
    return {&end.stream().session(), end.stream().server(), false};
}

template <class ClientEnd, class BackendEnd>
class RelayOf final : public Relay {
 public:
    RelayOf(RelaySet& set, Origin origin, Held held, ClientEnd client, BackendEnd backend)
        : Relay(set, std::move(origin), std::move(held)),
          client_(std::move(client)),
          backend_(std::move(backend)) {
        client_.socket().set_target(this);
        backend_.socket().set_target(this);
    }

    void move_bytes() override;
    void say_goodbye() override;
    void reset_both() override {
        reset_on_close(client_.socket().fd());
        reset_on_close(backend_.socket().fd());
    }
    void settle_in() override {
        reset_user_timeout(client_.socket().fd());
        set_keep_alive(backend_.socket().fd(), keep_alive_);
    }
    [[nodiscard]] std::size_t undelivered() const override {
        return held(backend_, up_) + held(client_, down_) + unacknowledged(client_.socket()) +
               unacknowledged(backend_.socket());
    }

    /// Whoever does not take what the other has said; else the one who has not ended.
    [[nodiscard]] Cause whom_it_waits_for() const override {
        if (!is_whole(client_, backend_, up_)) return Cause::server;
        if (!is_whole(backend_, client_, down_)) return Cause::client;
        return up_.ended || client_.socket().peer_closed() ? Cause::server : Cause::client;
    }

    /// Bytes of the client that were read before there was a backend.
    [[nodiscard]] bool send_ahead(ByteView bytes) {
        up_.bytes += bytes.size();
        set_.count_bytes(bytes.size(), 0);
        return bytes.empty() || backend_.write(bytes) != Io::broken;
    }

 private:
    struct Step {
        std::size_t count = 0;
        Io source = Io::ok;
        Io sink = Io::ok;
    };
    template <class To>
    static std::size_t held(const To& to, const Direction& way) {
        return to.held() + (way.pipe ? way.pipe->held() : 0);
    }
    template <class From, class To>
    static bool is_whole(const From& from, const To& to, const Direction& way) {
        return way.finished || (held(to, way) == 0 && !from.has_unread());
    }
    template <class To>
    static Io settle(To& to, Direction& way);
    template <class From, class To>
    Step take(From& from, To& to, Direction& way);
    template <class From, class To>
    Outcome move(From& from, To& to, Direction& way);
    void break_off(bool client_broken, bool backend_broken);

    ClientEnd client_;
    BackendEnd backend_;
};

/// What has left the source but not reached the sink goes first.
template <class ClientEnd, class BackendEnd>
template <class To>
Io RelayOf<ClientEnd, BackendEnd>::settle(To& to, Direction& way) {
    const Io io = to.flush();
    return io == Io::ok && way.pipe ? way.pipe->drain(to.socket()) : io;
}

/// Takes bytes from the source once: through a pipe, which settle() empties, or by reading and
/// writing. Between two sockets a pipe is worth its calls as soon as they come in masses; whether
/// they do is remembered from turn to turn, the pipe is another one's meanwhile.
template <class ClientEnd, class BackendEnd>
template <class From, class To>
typename RelayOf<ClientEnd, BackendEnd>::Step RelayOf<ClientEnd, BackendEnd>::take(From& from,
                                                                                   To& to,
                                                                                   Direction& way) {
    Step step;
    if (from.socket().urgent()) {  // splice(2) stops at the mark
        way.pipe.reset();
        way.in_masses = false;
    }
    if (way.in_masses && !way.pipe) way.pipe = set_.pipes().borrow();
    if (way.pipe) {
        step.source = way.pipe->fill(from.socket(), step.count);
        if (step.count == 0) way.pipe.reset();
        // Nothing, and not for want of bytes: only a read tells why.
        if (step.source == Io::ok) way.in_masses = step.count >= worth_a_pipe;
        return step;
    }
    const std::span<std::uint8_t> scratch = set_.scratch();
    step.source = from.read(scratch, step.count);
    if (step.count > 0) step.sink = to.write(scratch.first(step.count));
    constexpr bool both_plain = std::is_same_v<From, PlainEnd> && std::is_same_v<To, PlainEnd>;
    const bool in_masses =
        step.count == scratch.size() && step.sink == Io::ok && !from.socket().urgent();
    if (both_plain && in_masses) way.in_masses = true;
    return step;
}

template <class ClientEnd, class BackendEnd>
template <class From, class To>
Relay::Outcome RelayOf<ClientEnd, BackendEnd>::move(From& from, To& to, Direction& way) {
    for (std::size_t moved = 0; !way.finished;) {
        Io io = settle(to, way);
        if (io == Io::ok && way.ended) {
            // Both sides are closed then, which says it as well, without a call.
            const bool is_last = &way == &up_ ? down_.finished : up_.finished;
            io = is_last ? to.say_last() : to.finish();
            way.finished = io == Io::ok;
        }
        if (io != Io::ok) return io == Io::blocked ? Outcome::waiting : Outcome::sink_broken;
        if (way.finished) break;
        if (moved >= turn_budget) {
            way.pipe.reset();
            return Outcome::more;
        }

        const Step step = take(from, to, way);
        moved += step.count;
        way.bytes += step.count;
        if (step.sink == Io::broken) return Outcome::sink_broken;
        if (step.source == Io::broken) return Outcome::source_broken;
        if (step.source == Io::blocked) return Outcome::waiting;
        way.ended = step.source == Io::end;
    }
    return Outcome::waiting;
}

template <class ClientEnd, class BackendEnd>
void RelayOf<ClientEnd, BackendEnd>::move_bytes() {
    const std::uint64_t up_before = up_.bytes;
    const std::uint64_t down_before = down_.bytes;
    const Outcome up = move(client_, backend_, up_);
    const Outcome down = move(backend_, client_, down_);
    set_.count_bytes(up_.bytes - up_before, down_.bytes - down_before);
    if (down_before == 0 && down_.bytes > 0 && server_state() != nullptr)
        server_state()->spoke(set_.now());
    if (up_.finished && down_.finished) return set_.end(*this, RelayEnd::complete, Cause::none);

    const bool client_broken =
        up == Outcome::source_broken || down == Outcome::sink_broken || client_.socket().failed();
    const bool backend_broken =
        up == Outcome::sink_broken || down == Outcome::source_broken || backend_.socket().failed();
    if (client_broken || backend_broken) return break_off(client_broken, backend_broken);

    if (up == Outcome::more || down == Outcome::more) set_.again(*this);
    // A FIN counts when it comes: the bytes before it may wait for a sink that takes none.
    const bool one_ended = up_.ended || down_.ended || client_.socket().peer_closed() ||
                           backend_.socket().peer_closed();
    if (one_ended) set_.note_half_closed(*this);
}

template <class ClientEnd, class BackendEnd>
void RelayOf<ClientEnd, BackendEnd>::say_goodbye() {
    const bool whole = is_whole(client_, backend_, up_) && is_whole(backend_, client_, down_);
    const bool told = whole && (down_.finished || client_.finish() == Io::ok) &&
                      (up_.finished || backend_.finish() == Io::ok);
    if (!told) reset_both();
}

/// The side that still stands must not take the end of the other for an orderly one.
template <class ClientEnd, class BackendEnd>
void RelayOf<ClientEnd, BackendEnd>::break_off(bool client_broken, bool backend_broken) {
    if (!client_broken) reset_on_close(client_.socket().fd());
    if (!backend_broken) reset_on_close(backend_.socket().fd());
    BrokenTls broken = tls_of(backend_);
    broken.is_refusal =
        broken.session != nullptr && broken.session->ended_by_alert() && down_.bytes == 0;
    // When both are, the first to break cannot be told; it is most often the one who went away.
    const bool by_client = client_broken && !broken.is_refusal;
    if (by_client) broken = tls_of(client_);
    set_.end(*this, RelayEnd::reset, by_client ? Cause::client : Cause::server, broken);
}

}  // namespace

std::string_view to_string(RelayEnd end) {
    switch (end) {
        case RelayEnd::complete:
            return "complete";
        case RelayEnd::reset:
            return "reset";
        case RelayEnd::expired:
            return "half-closed too long";
        case RelayEnd::idle:
            return "idle too long";
        case RelayEnd::removed:
            return "removed";
        case RelayEnd::cut:
            return "cut";
    }
    return "unknown";
}

void Relay::on_ready(Descriptor&) {
    // A relay with work left over waits for its turn like the others.
    if (!runnable_) take_turn();
}

SteadyTime Relay::ends_at() const {
    const SteadyTime entry_point =
        origin_.entry_point ? origin_.entry_point->ends_at() : SteadyTime::max();
    const LifetimePtr& router = origin_.route->lifetime;
    return router ? std::min(entry_point, router->ends_at()) : entry_point;
}

std::chrono::milliseconds Relay::idle_timeout() const {
    return origin_.entry_point ? origin_.entry_point->idle_timeout()
                               : std::chrono::milliseconds::zero();
}

void Relay::take_turn() {
    try {
        move_bytes();
    } catch (const std::bad_alloc&) {
        reset_both();
        set_.end(*this, RelayEnd::cut, Cause::proxy);
    }
}

RelaySet::RelaySet(EventLoop& loop,
                   Observer& observer,
                   std::chrono::milliseconds termination_delay,
                   std::size_t pipes_max)
    : loop_(loop),
      observer_(observer),
      termination_delay_(termination_delay),
      scratch_(scratch_size),
      pipes_(pipes_max) {}

RelaySet::~RelaySet() {
    cut_all();
}

void RelaySet::add_plain(
    Origin origin, Held held, DescriptorPtr client, ServerEnd backend, ByteView for_backend) {
    add(std::move(origin),
        std::move(held),
        PlainEnd(std::move(client)),
        std::move(backend),
        for_backend);
}

void RelaySet::add_tls(Origin origin,
                       Held held,
                       std::unique_ptr<TlsStream> client,
                       ServerEnd backend) {
    add(std::move(origin), std::move(held), TlsEnd(std::move(client)), std::move(backend), {});
}

template <class ClientEnd>
void RelaySet::add(
    Origin origin, Held held, ClientEnd client, ServerEnd backend, ByteView for_backend) {
    const auto delay = backend.termination_delay.value_or(std::chrono::milliseconds::zero());
    KeepAlive keep_alive;
    if (backend.keep_alive)
        keep_alive.idle = keep_alive.interval =
            std::chrono::ceil<KeepAlive::Seconds>(*backend.keep_alive);
    Relay* const added = backend.tls ? adopt(std::move(origin),
                                             std::move(held),
                                             std::move(client),
                                             TlsEnd(std::move(backend.tls)),
                                             for_backend)
                                     : adopt(std::move(origin),
                                             std::move(held),
                                             std::move(client),
                                             PlainEnd(std::move(backend.plain)),
                                             for_backend);
    if (added == nullptr) return;
    added->termination_delay_ = static_cast<std::uint32_t>(delay.count());
    added->keep_alive_ = keep_alive;
    added->take_turn();
}

/// Null: what goes ahead could not be sent, and the relay has ended.
template <class ClientEnd, class BackendEnd>
Relay* RelaySet::adopt(
    Origin origin, Held held, ClientEnd client, BackendEnd backend, ByteView for_backend) {
    auto relay = std::make_unique<RelayOf<ClientEnd, BackendEnd>>(
        *this, std::move(origin), std::move(held), std::move(client), std::move(backend));
    const bool sent = relay->send_ahead(for_backend);
    Relay& added = *relay;
    adopt(std::move(relay));
    if (sent) return &added;
    added.reset_both();
    end(added, RelayEnd::reset, Cause::server);
    return nullptr;
}

void RelaySet::adopt(std::unique_ptr<Relay> relay) {
    add_newcomer(*relay);
    ++size_;
    expect_end(relay->ends_at());  // removed while it was being established
    relay->last_byte_ = loop_.now();
    if (const auto timeout = relay->idle_timeout(); timeout != std::chrono::milliseconds::zero())
        next_idle_look_ = std::min(next_idle_look_, loop_.now() + look_interval(timeout));
    open_.add(*relay.release());
}

void RelaySet::add_newcomer(Relay& relay) {
    if (newcomers_.empty()) next_settling_ = loop_.now() + before_settling;
    newcomers_.push_back(&relay);
    relay.newcomer_ = static_cast<std::uint32_t>(newcomers_.size() - 1);
}

void RelaySet::forget_newcomer(Relay& relay) {
    if (relay.newcomer_ == Relay::settled) return;
    newcomers_.back()->newcomer_ = relay.newcomer_;
    newcomers_[relay.newcomer_] = newcomers_.back();
    newcomers_.pop_back();
    relay.newcomer_ = Relay::settled;
}

/// Some at a time: when thousands have come together, others get their turn in between.
void RelaySet::settle_newcomers() {
    if (loop_.now() < next_settling_) return;
    for (std::size_t i = 0; i < settled_at_once && !newcomers_.empty(); ++i) {
        Relay& relay = *newcomers_.back();
        relay.settle_in();
        forget_newcomer(relay);
    }
    next_settling_ = newcomers_.empty() ? SteadyTime::max() : loop_.now();
}

void RelaySet::again(Relay& relay) {
    if (std::exchange(relay.runnable_, true)) return;
    runnable_.push_back(&relay);
}

void RelaySet::run_again() {
    running_.swap(runnable_);
    for (Relay* const relay : running_) {
        relay->runnable_ = false;
        relay->take_turn();
    }
    running_.clear();
}

void RelaySet::note_half_closed(Relay& relay) {
    relay.unsettled_ = true;
    if (relay.half_closed_) return;
    open_.remove(relay);
    half_closed_.add(relay);
    relay.half_closed_ = true;
    relay.last_byte_ = loop_.now();
}

/// What a slow reader takes moves nothing here as long as the system's buffers have it: so the
/// bytes that the sides acknowledge are what counts. Asks the system only while some are on the
/// way.
void RelaySet::look_for_progress(Relay& relay) const {
    if (relay.unsettled_) relay.unsettled_ = note_delivered(relay);
}

/// True while bytes are on the way.
bool RelaySet::note_delivered(Relay& relay) const {
    const std::size_t on_the_way = relay.undelivered();
    const std::uint64_t delivered = relay.bytes_up() + relay.bytes_down() - on_the_way;
    if (delivered != std::exchange(relay.delivered_, delivered)) relay.last_byte_ = loop_.now();
    return on_the_way > 0;
}

/// Every relay is looked at so often in its own time, not at each byte: a relay needs no timer, one
/// that moves bytes pays nothing, and one with a long time does not pay for those with a short one.
void RelaySet::end_idle() {
    if (loop_.now() < next_idle_look_) return;
    next_idle_look_ = SteadyTime::max();
    for (Relay* relay = open_.first; relay != nullptr;) {
        Relay& current = *relay;
        relay = relay->next_;
        const std::chrono::milliseconds timeout = current.idle_timeout();
        if (timeout == std::chrono::milliseconds::zero()) continue;
        if (loop_.now() >= current.next_idle_look_) {
            static_cast<void>(note_delivered(current));
            if (loop_.now() - current.last_byte_ >= timeout) {
                current.say_goodbye();
                end(current, RelayEnd::idle, Cause::timeout);
                continue;
            }
            current.next_idle_look_ = loop_.now() + look_interval(timeout);
        }
        next_idle_look_ = std::min(next_idle_look_, current.next_idle_look_);
    }
}

std::chrono::milliseconds RelaySet::termination_delay(const Relay& relay) const {
    return relay.termination_delay_ != 0 ? std::chrono::milliseconds(relay.termination_delay_)
                                         : termination_delay_;
}

void RelaySet::sweep() {
    for (Relay* relay = half_closed_.first; relay != nullptr;) {
        Relay& current = *relay;
        relay = relay->next_;
        look_for_progress(current);
        const auto idle = current.idle_timeout();
        const std::chrono::milliseconds delay = termination_delay(current);
        const bool is_shorter = idle != std::chrono::milliseconds::zero() && idle < delay;
        if (current.last_byte_ > loop_.now() - (is_shorter ? idle : delay)) continue;
        if (current.unsettled_) current.reset_both();
        if (is_shorter)
            end(current, RelayEnd::idle, Cause::timeout);
        else
            end(current, RelayEnd::expired, current.whom_it_waits_for());
    }
}

void RelaySet::end_removed() {
    if (loop_.now() < next_end_) return;
    next_end_ = SteadyTime::max();
    for (const List* const list : {&open_, &half_closed_}) {
        for (Relay* relay = list->first; relay != nullptr;) {
            Relay& current = *relay;
            relay = relay->next_;
            const SteadyTime at = current.ends_at();
            if (at > loop_.now()) {
                expect_end(at);
                continue;
            }
            current.say_goodbye();
            end(current, RelayEnd::removed, Cause::proxy);
        }
    }
}

void RelaySet::end(Relay& relay, RelayEnd how, Cause cause, const BrokenTls& broken) {
    if (relay.runnable_) std::erase(runnable_, &relay);
    forget_newcomer(relay);
    (relay.half_closed_ ? half_closed_ : open_).remove(relay);
    --size_;
    const std::unique_ptr<Relay> owned(&relay);
    try {
        observer_.on_relay_ended(relay, how, cause, broken);
    } catch (const std::bad_alloc&) {  // nobody hears of it; it has ended all the same
    }
}

std::size_t RelaySet::cut_where(const std::function<bool(const Lifetime*)>& meant) {
    std::size_t count = 0;
    for (const List* const list : {&open_, &half_closed_}) {
        for (Relay* relay = list->first; relay != nullptr;) {
            Relay& current = *relay;
            relay = relay->next_;
            if (!meant(current.entry_point())) continue;
            current.say_goodbye();
            end(current, RelayEnd::cut, Cause::shutdown);
            ++count;
        }
    }
    return count;
}

std::size_t RelaySet::cut_all() {
    const std::size_t count = size_;
    for (List* const list : {&open_, &half_closed_}) {
        while (list->first != nullptr) {
            // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDelete): end() takes it off the list
            list->first->say_goodbye();
            end(*list->first, RelayEnd::cut, Cause::shutdown);
        }
    }
    return count;
}

void RelaySet::List::add(Relay& relay) {
    relay.previous_ = nullptr;
    relay.next_ = first;
    if (first != nullptr) first->previous_ = &relay;
    first = &relay;
}

void RelaySet::List::remove(Relay& relay) {
    (relay.previous_ != nullptr ? relay.previous_->next_ : first) = relay.next_;
    if (relay.next_ != nullptr) relay.next_->previous_ = relay.previous_;
}

}  // namespace mesh::proxy
