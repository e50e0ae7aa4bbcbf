#include "proxy/relay_end.hpp"

#include <algorithm>

namespace mesh::proxy {

namespace {

tls::Transport::Outcome outcome_of(Io io) {
    using Outcome = tls::Transport::Outcome;
    switch (io) {
        case Io::ok:
            return Outcome::ok;
        case Io::blocked:
            return Outcome::would_block;
        case Io::end:
            return Outcome::closed;
        case Io::broken:
            return Outcome::failed;
    }
    return Outcome::failed;
}

}  // namespace

Io PlainEnd::write(ByteView bytes) {
    std::size_t count = 0;
    const Io io = transmit(*socket_, bytes, count);
    if (io == Io::broken) return io;
    if (count == bytes.size()) return Io::ok;
    const ByteView rest = bytes.subspan(count);
    kept_ = std::make_unique<Kept>();
    kept_->bytes.assign(rest.begin(), rest.end());
    return Io::blocked;
}

Io PlainEnd::flush() {
    while (kept_) {
        std::size_t count = 0;
        const Io io = transmit(*socket_, ByteView(kept_->bytes).subspan(kept_->sent), count);
        if (io != Io::ok) return io;
        kept_->sent += count;
        if (kept_->sent == kept_->bytes.size()) kept_.reset();
    }
    return Io::ok;
}

tls::Transport::Transfer TlsStream::receive(std::span<std::uint8_t> into) {
    if (has_received()) {
        const std::size_t count = std::min(into.size(), received_.size() - replayed_);
        std::copy_n(
            received_.begin() + static_cast<std::ptrdiff_t>(replayed_), count, into.begin());
        replayed_ += count;
        if (!has_received()) received_ = {};
        return {Outcome::ok, count};
    }
    std::size_t count = 0;
    const Io io = proxy::receive(*socket_, into, count);
    return {outcome_of(io), count};
}

tls::Transport::Transfer TlsStream::send(ByteView bytes) {
    std::size_t count = 0;
    const Io io = transmit(*socket_, bytes, count);
    return {outcome_of(io), count};
}

bool TlsStream::has_unread() const {
    return has_received() || session_->has_pending() || proxy::has_unread(*socket_);
}

Io TlsEnd::read(std::span<std::uint8_t> into, std::size_t& count) {
    // OpenSSL hands out a record or two at a time; gather what has come, so that it leaves in one
    // write.
    constexpr std::size_t record_size = 16 * 1024;
    count = 0;
    tls::Session& session = stream_->session();
    while (into.size() - count >= record_size && (more_ || stream_->socket().readable())) {
        std::size_t taken = 0;
        const tls::Progress progress = session.read(into.subspan(count), taken);
        more_ = progress == tls::Progress::done;
        count += taken;
        if (more_) continue;
        if (progress == tls::Progress::want_read) break;
        more_ = true;  // the end is still there when what came before it has been taken
        if (count > 0) break;
        return progress == tls::Progress::closed ? Io::end : Io::broken;
    }
    return count > 0 ? Io::ok : Io::blocked;
}

Io TlsEnd::write(ByteView bytes) {
    const tls::Progress progress = stream_->session().write(bytes);
    return progress == tls::Progress::done ? flush() : Io::broken;
}

Io TlsEnd::flush() {
    if (stream_->session().unsent() == 0) return Io::ok;
    switch (stream_->session().flush()) {
        case tls::Progress::done:
            return Io::ok;
        case tls::Progress::want_write:
            return Io::blocked;
        default:
            return Io::broken;
    }
}

Io TlsEnd::say_last() {
    return is_broken(stream_->socket()) ? Io::broken : say_closed();
}

Io TlsEnd::finish() {
    const Io said = say_closed();
    return said == Io::ok ? finish_sending(stream_->socket()) : said;
}

Io TlsEnd::say_closed() {
    return stream_->session().close_write() == tls::Progress::done ? flush() : Io::broken;
}

}  // namespace mesh::proxy
