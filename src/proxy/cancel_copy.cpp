#include "proxy/cancel_copy.hpp"

#include "proxy/postgres_startup.hpp"

#include <utility>

namespace mesh::proxy {

CancelCopy::CancelCopy(DescriptorPtr socket,
                       const Service& service,
                       const model::Server& server,
                       Bytes header,
                       ByteView request)
    : socket_(std::move(socket)),
      service_(&service),
      server_(server),
      header_(std::move(header)),
      request_(request) {}

void CancelCopy::advance(std::span<std::uint8_t> scratch) {
    for (Stage before = Stage::done; before != stage_;) {
        before = stage_;
        stage_ = step(scratch);
        told_ = told_ || stage_ == Stage::wait;
    }
}

std::string CancelCopy::why_no_tls() const {
    if (stage_ == Stage::hear) return "no answer when asked for TLS";
    if (stage_ == Stage::secure) return "no TLS handshake in time";
    return failure_;
}

CancelCopy::Stage CancelCopy::step(std::span<std::uint8_t> scratch) {
    switch (stage_) {
        case Stage::announce:
            return announce();
        case Stage::ask:
            return ask();
        case Stage::hear:
            return hear();
        case Stage::secure:
            return secure();
        case Stage::tell:
            return tell();
        case Stage::wait:
            return wait(scratch);
        case Stage::done:
            break;
    }
    return Stage::done;
}

/// The next stage once all of `bytes` has left; a new connection's buffer takes so little whole, or
/// it is broken.
CancelCopy::Stage CancelCopy::sent(ByteView bytes, Stage next) {
    std::size_t count = 0;
    const Io io = transmit(socket(), bytes, count);
    if (io == Io::blocked && !socket().failed()) return stage_;
    return io == Io::ok && count == bytes.size() ? next : Stage::done;
}

CancelCopy::Stage CancelCopy::announce() {
    return header_.empty() ? Stage::ask : sent(header_, Stage::ask);
}

CancelCopy::Stage CancelCopy::ask() {
    switch (server_.tls) {
        case model::ServerTls::none:
            return Stage::tell;
        case model::ServerTls::direct:
            return Stage::secure;
        case model::ServerTls::postgres:
            break;
    }
    return sent(postgres().request, Stage::hear);
}

CancelCopy::Stage CancelCopy::hear() {
    std::size_t count = 0;
    const Io io = receive(socket(), std::span(answer_).subspan(heard_), count);
    if (io == Io::blocked && !socket().failed()) return stage_;
    heard_ += count;
    const auto answer = postgres().server_says(std::span(answer_).first(heard_));
    const bool may_come = answer == StartTls::Answer::need_more && heard_ < answer_.size();
    if (io == Io::ok && may_come) return stage_;
    if (answer == StartTls::Answer::yes) return Stage::secure;
    const bool is_no = answer == StartTls::Answer::no;
    failure_ = is_no ? "it has no TLS" : "it answers a request for TLS oddly, or not at all";
    return Stage::done;
}

CancelCopy::Stage CancelCopy::secure() {
    if (!stream_) {
        const tls::UpstreamPolicyPtr& policy = service_->transport.tls;
        if (!policy) return Stage::done;
        stream_ = std::make_unique<TlsStream>(std::move(socket_), Bytes());
        auto session = tls::Session::connect(*policy, server_.host, *stream_);
        if (!session) return Stage::done;
        stream_->set_session(std::move(*session));
    }
    switch (stream_->session().handshake()) {
        case tls::Progress::done:
            return Stage::tell;
        case tls::Progress::want_read:
        case tls::Progress::want_write:
            return socket().failed() ? Stage::done : Stage::secure;
        default:
            failure_ = stream_->session().failure().message;
            return Stage::done;
    }
}

CancelCopy::Stage CancelCopy::tell() {
    if (!stream_) return sent(request_, Stage::wait);
    tls::Session& session = stream_->session();
    const bool written =
        session.write(request_) == tls::Progress::done && session.flush() == tls::Progress::done;
    return written ? Stage::wait : Stage::done;
}

CancelCopy::Stage CancelCopy::wait(std::span<std::uint8_t> scratch) {
    std::size_t count = 0;
    Io io = Io::ok;
    while (io == Io::ok) io = receive(socket(), scratch, count);
    return io != Io::blocked || socket().failed() ? Stage::done : Stage::wait;
}

}  // namespace mesh::proxy
