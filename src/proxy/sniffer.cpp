#include "proxy/sniffer.hpp"

#include "proxy/client_hello.hpp"

namespace mesh::proxy {

Sniffed sniff(ByteView bytes, std::span<const StartTls* const> protocols) {
    // TLS first: nearly everybody speaks it, and no protocol's first byte is one of its.
    Match match = begins_tls(bytes);
    if (match == Match::yes) return {Opening::tls, nullptr};
    bool undecided = match == Match::need_more;
    for (const StartTls* const protocol : protocols) {
        match = protocol->begins(bytes);
        if (match == Match::yes) return {Opening::start_tls, protocol};
        undecided = undecided || match == Match::need_more;
    }
    return {undecided ? Opening::need_more : Opening::other, nullptr};
}

}  // namespace mesh::proxy
