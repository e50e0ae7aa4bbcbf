#include "tls/wire.hpp"

namespace mesh::tls {

const BIO_METHOD* Wire::method() {
    static const BioMethodPtr method = [] {
        BioMethodPtr made(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mesh wire"));
        if (made) {
            BIO_meth_set_read_ex(made.get(), on_read);
            BIO_meth_set_write_ex(made.get(), on_write);
            BIO_meth_set_ctrl(made.get(), on_control);
        }
        return made;
    }();
    return method.get();
}

BioPtr Wire::make_bio() {
    BioPtr bio(method() ? BIO_new(method()) : nullptr);
    if (bio) {
        BIO_set_data(bio.get(), this);
        BIO_set_init(bio.get(), 1);
    }
    return bio;
}

void Wire::reserve(std::size_t size) {
    gathered_.reserve(gathered_.size() + size);
}

void Wire::drop_sent() {
    // Moved only when what stays is the smaller part, so that each byte moves at most once more.
    if (sent_ == 0 || sent_ < gathered()) return;
    gathered_.erase(gathered_.begin(), gathered_.begin() + static_cast<std::ptrdiff_t>(sent_));
    sent_ = 0;
}

Transport::Outcome Wire::flush() {
    using Outcome = Transport::Outcome;
    while (sent_ < gathered_.size()) {
        const auto [outcome, count] = transport_.send(ByteView(gathered_).subspan(sent_));
        if (outcome == Outcome::closed || outcome == Outcome::failed) {
            broken_ = true;
            break;
        }
        if (outcome == Outcome::would_block || count == 0) return Outcome::would_block;
        sent_ += count;
    }
    Bytes().swap(gathered_);
    sent_ = 0;
    return broken_ ? Outcome::failed : Outcome::ok;
}

int Wire::on_read(BIO* bio, char* into, std::size_t size, std::size_t* count) noexcept {
    auto& wire = *static_cast<Wire*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    *count = 0;
    if (wire.stopped_ || wire.broken_ || wire.at_end_) return 0;
    try {
        const auto received =
            wire.transport_.receive({reinterpret_cast<std::uint8_t*>(into), size});
        switch (received.outcome) {
            case Transport::Outcome::ok:
                *count = received.count;
                if (received.count > 0) return 1;
                BIO_set_retry_read(bio);
                return 0;
            case Transport::Outcome::would_block:
                BIO_set_retry_read(bio);
                return 0;
            case Transport::Outcome::closed:
                wire.at_end_ = true;
                return 0;
            case Transport::Outcome::failed:
                wire.broken_ = true;
                return 0;
        }
    } catch (...) {
        wire.broken_ = true;
    }
    return 0;
}

int Wire::on_write(BIO* bio, const char* from, std::size_t size, std::size_t* count) noexcept {
    auto& wire = *static_cast<Wire*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    *count = 0;
    if (wire.broken_) return 0;
    try {
        wire.drop_sent();
        const auto* const first = reinterpret_cast<const std::uint8_t*>(from);
        wire.gathered_.insert(wire.gathered_.end(), first, first + size);
    } catch (...) {
        wire.broken_ = true;
        return 0;
    }
    *count = size;
    return 1;
}

long Wire::on_control(BIO*, int command, long, void*) noexcept {
    // Flushing is the session's decision, at the end of a turn; the library may go on at once.
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

}  // namespace mesh::tls
