// The ClientHello reader: the result does not depend on how the bytes are split, nor on what
// follows the hello, and whenever OpenSSL reads a hello too, both read the same name and protocols.
#include "fuzz/fuzz.hpp"
#include "proxy/client_hello.hpp"

#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <memory>
#include <string>

namespace {

using mesh::Bytes;
using mesh::ByteView;
using mesh::Hostname;
using mesh::fuzz::require;
using mesh::proxy::ClientHello;
using mesh::proxy::ClientHelloReader;
using State = ClientHelloReader::State;

ClientHelloReader read_at_once(ByteView bytes) {
    ClientHelloReader reader;
    if (!bytes.empty()) reader.feed(bytes);
    return reader;
}

/// Pieces of sizes that only the input decides, most of them small.
ClientHelloReader read_in_pieces(ByteView bytes) {
    ClientHelloReader reader;
    std::uint32_t random = 2166136261U;
    for (const std::uint8_t byte : bytes) random = (random ^ byte) * 16777619U;
    while (!bytes.empty()) {
        random = random * 1664525U + 1013904223U;
        const std::size_t wish = 1 + (random >> 24U) % (random % 7 == 0 ? 200 : 3);
        const ByteView piece = bytes.first(std::min(wish, bytes.size()));
        const bool was_done = reader.state() != State::need_more;
        const State before = reader.state();
        reader.feed(piece);
        require(!was_done || reader.state() == before);
        bytes = bytes.subspan(piece.size());
    }
    return reader;
}

bool same(const ClientHello& a, const ClientHello& b) {
    return a.server_name == b.server_name && a.named_an_address == b.named_an_address &&
           a.alpn == b.alpn && a.legacy_version == b.legacy_version && a.consumed == b.consumed;
}

void check_splits(ByteView bytes, const ClientHelloReader& whole) {
    const ClientHelloReader pieces = read_in_pieces(bytes);
    require(pieces.state() == whole.state() && pieces.reason() == whole.reason());
    require(same(pieces.hello(), whole.hello()));
    require(pieces.received().size() == bytes.size());
}

void check_end(ByteView bytes, const ClientHello& hello) {
    require(hello.consumed > 0 && hello.consumed <= bytes.size());
    const ClientHelloReader exact = read_at_once(bytes.first(hello.consumed));
    require(exact.state() == State::done && same(exact.hello(), hello));
    const ClientHelloReader shorter = read_at_once(bytes.first(hello.consumed - 1));
    require(shorter.state() == State::need_more);
    require(!hello.server_name || !hello.named_an_address);
    for (const std::string& protocol : hello.alpn)
        require(!protocol.empty() && protocol.size() <= 255);
}

/// What OpenSSL made of the same bytes.
struct Library {
    bool saw_hello = false;
    bool has_alpn = false;
    Bytes alpn;               ///< content of the extension
    bool understood = false;  ///< all extensions parsed
    bool has_name = false;
    std::string name;
};

int on_client_hello(SSL* ssl, int*, void* argument) {
    auto& seen = *static_cast<Library*>(argument);
    seen.saw_hello = true;
    const unsigned char* data = nullptr;
    std::size_t size = 0;
    if (SSL_client_hello_get0_ext(
            ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &size) == 1) {
        seen.has_alpn = true;
        seen.alpn.assign(data, data + size);
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

int on_server_name(SSL* ssl, int*, void* argument) {
    auto& seen = *static_cast<Library*>(argument);
    seen.understood = true;
    if (const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) {
        seen.has_name = true;
        seen.name = name;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

Library read_with_openssl(ByteView bytes) {
    Library seen;
    struct Free {
        void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
        void operator()(SSL* ssl) const { SSL_free(ssl); }
    };
    static const std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_set_min_proto_version(context.get(), 0);
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_client_hello_cb(context.get(), on_client_hello, &seen);
    // What the macro for it does, without its C cast.
    SSL_CTX_callback_ctrl(context.get(),
                          SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                          reinterpret_cast<void (*)()>(on_server_name));
    SSL_CTX_set_tlsext_servername_arg(context.get(), &seen);
    const std::unique_ptr<SSL, Free> ssl(SSL_new(context.get()));
    BIO* const in = BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size()));
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(ssl.get(), in, BIO_new(BIO_s_null()));
    SSL_accept(ssl.get());
    return seen;
}

Bytes alpn_extension(const std::vector<std::string>& protocols) {
    Bytes list;
    for (const std::string& protocol : protocols) {
        list.push_back(static_cast<std::uint8_t>(protocol.size()));
        list.insert(list.end(), protocol.begin(), protocol.end());
    }
    Bytes out{static_cast<std::uint8_t>(list.size() >> 8U), static_cast<std::uint8_t>(list.size())};
    out.insert(out.end(), list.begin(), list.end());
    return out;
}

bool is_address(const std::string& name) {
    unsigned char parsed[16];
    return inet_pton(AF_INET, name.c_str(), parsed) == 1 ||
           inet_pton(AF_INET6, name.c_str(), parsed) == 1;
}

/// Whatever OpenSSL would serve, the reader has either read in the same way or refused.
void check_against_openssl(const ClientHelloReader& whole, const Library& library) {
    if (library.saw_hello)
        require(whole.state() == State::done || whole.state() == State::malformed);
    if (whole.state() != State::done) return;
    const ClientHello& hello = whole.hello();
    if (library.saw_hello) {
        require(library.has_alpn == !hello.alpn.empty());
        if (library.has_alpn) require(library.alpn == alpn_extension(hello.alpn));
    }
    if (!library.understood) return;
    if (!library.has_name) {
        require(!hello.server_name && !hello.named_an_address);
    } else if (hello.server_name) {
        const auto name = Hostname::parse(library.name);
        require(name.has_value() && *name == *hello.server_name);
    } else {
        require(hello.named_an_address && is_address(library.name));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    const ClientHelloReader whole = read_at_once(bytes);
    if (whole.state() == State::malformed) require(!whole.reason().empty());
    check_splits(bytes, whole);
    if (whole.state() == State::done) check_end(bytes, whole.hello());
    check_against_openssl(whole, read_with_openssl(bytes));
    return 0;
}
