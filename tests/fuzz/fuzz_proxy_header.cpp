// The PROXY header: what is behind it changes nothing, a part of one is never done nor none, what
// is decided once stays so, and addresses survive being written again.
#include "fuzz/fuzz.hpp"
#include "proxy/proxy_header.hpp"

#include <algorithm>

namespace {

using mesh::Bytes;
using mesh::ByteView;
using mesh::fuzz::require;
using mesh::proxy::ProxyHeader;
using mesh::proxy::read_proxy_header;
using State = ProxyHeader::State;

bool is_open(State state) {
    return state == State::undecided || state == State::incomplete;
}

void check_splits(ByteView bytes, const ProxyHeader& whole) {
    bool decided = false;
    for (std::size_t size = 0; size <= std::min(bytes.size(), ProxyHeader::size_max); ++size) {
        const ProxyHeader part = read_proxy_header(bytes.first(size));
        if (is_open(part.state)) {
            require(!decided);
            continue;
        }
        decided = true;
        require(part.state == whole.state && part.size == whole.size);
        require(part.addresses.has_value() == whole.addresses.has_value());
    }
}

void check_rewritten(const mesh::proxy::ProxiedAddresses& addresses) {
    using mesh::model::ProxyVersion;
    for (const ProxyVersion version : {ProxyVersion::v1, ProxyVersion::v2}) {
        const Bytes written = write_proxy_header(version, addresses);
        const ProxyHeader back = read_proxy_header(written);
        require(back.state == State::done && back.size == written.size());
        require(back.addresses.has_value());
        require(back.addresses->source.text() == addresses.source.text());
        require(back.addresses->destination.text() == addresses.destination.text());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    const ProxyHeader header = read_proxy_header(bytes);
    require(header.state != State::done || (header.size > 0 && header.size <= size));
    require(header.state != State::done || header.size <= ProxyHeader::size_max);
    require((header.state == State::malformed) == !header.reason.empty());
    require(size < ProxyHeader::size_max || !is_open(header.state));
    check_splits(bytes, header);
    if (header.addresses) check_rewritten(*header.addresses);
    return 0;
}
