// The chain of sniffers: one answer however the bytes are split, in at most 8 bytes, and the same
// as the ClientHello reader's.
#include "fuzz/fuzz.hpp"
#include "proxy/client_hello.hpp"
#include "proxy/postgres_startup.hpp"
#include "proxy/sniffer.hpp"

#include <array>

namespace {

using mesh::ByteView;
using mesh::fuzz::require;
using mesh::proxy::ClientHelloReader;
using mesh::proxy::Opening;
using mesh::proxy::postgres;
using mesh::proxy::sniff;
using mesh::proxy::Sniffed;
using mesh::proxy::StartTls;

void check_splits(ByteView bytes, std::span<const StartTls* const> protocols) {
    const Sniffed whole = sniff(bytes, protocols);
    require((whole.protocol != nullptr) == (whole.opening == Opening::start_tls));
    if (bytes.size() >= 8) require(whole.opening != Opening::need_more);
    for (std::size_t size = 0; size < bytes.size() && size < 16; ++size) {
        const Sniffed part = sniff(bytes.first(size), protocols);
        require(part.opening == Opening::need_more ||
                (part.opening == whole.opening && part.protocol == whole.protocol));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    const std::array<const StartTls*, 1> protocols{&postgres()};
    check_splits(bytes, protocols);
    check_splits(bytes, {});
    if (bytes.empty()) return 0;
    ClientHelloReader reader;
    const bool not_tls = reader.feed(bytes) == ClientHelloReader::State::not_tls;
    const Opening alone = sniff(bytes, {}).opening;
    require(not_tls == (alone == Opening::other));
    if (alone == Opening::tls) require(sniff(bytes, protocols).opening == Opening::tls);
    return 0;
}
