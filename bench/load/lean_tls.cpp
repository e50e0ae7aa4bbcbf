// Hashing without the provider look-ups that cost OpenSSL 3.0 more than the hash itself.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "lean_tls.hpp"

#include "options.hpp"

#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace mesh::bench {
namespace {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

constexpr std::uint8_t change_cipher_spec = 20, alert = 21, handshake = 22, application_data = 23;
constexpr std::uint8_t client_hello = 1, server_hello = 2, finished = 20;
constexpr std::size_t record_header = 5, message_header = 4, tag_size = 16;

Secret sha256(View bytes) {
    Secret digest{};
    SHA256(bytes.data(), bytes.size(), digest.data());
    return digest;
}

Secret hmac(View key, View data) {
    std::array<std::uint8_t, 64> inner{}, outer{};
    inner.fill(0x36);
    outer.fill(0x5c);
    for (std::size_t i = 0; i < key.size(); ++i) {
        inner[i] ^= key[i];
        outer[i] ^= key[i];
    }
    Secret digest{};
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, inner.data(), inner.size());
    SHA256_Update(&context, data.data(), data.size());
    SHA256_Final(digest.data(), &context);
    SHA256_Init(&context);
    SHA256_Update(&context, outer.data(), outer.size());
    SHA256_Update(&context, digest.data(), digest.size());
    SHA256_Final(digest.data(), &context);
    return digest;
}

/// HKDF-Expand-Label (RFC 8446, 7.1) of at most one block.
Secret expand_label(const Secret& secret, std::string_view label, View context, std::uint8_t size) {
    std::array<std::uint8_t, 96> info{};
    std::size_t at = 1;  // the size's first byte is 0
    info[at++] = size;
    info[at++] = static_cast<std::uint8_t>(6 + label.size());
    for (const auto part : {std::string_view("tls13 "), label})
        for (const char c : part) info[at++] = static_cast<std::uint8_t>(c);
    info[at++] = static_cast<std::uint8_t>(context.size());
    at = static_cast<std::size_t>(std::copy(context.begin(), context.end(), info.begin() + at) -
                                  info.begin());
    info[at++] = 1;  // of HKDF-Expand: the first block
    return hmac(secret, View(info).first(at));
}

Secret derive(const Secret& secret, std::string_view label, const Secret& transcript_hash) {
    return expand_label(secret, label, transcript_hash, 32);
}

constexpr Secret zeros{};

const Secret& hash_of_nothing() {
    static const Secret hash = sha256({});
    return hash;
}

/// One X25519 key for all connections. The server cannot tell, and makes one for each.
class KeyShare {
 public:
    KeyShare() {
        auto* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519");
        std::size_t size = public_.size();
        context_ = EVP_PKEY_CTX_new(key, nullptr);
        if (!context_ || EVP_PKEY_get_raw_public_key(key, public_.data(), &size) != 1)
            die("no X25519");
        EVP_PKEY_free(key);
    }
    KeyShare(const KeyShare&) = delete;
    ~KeyShare() { EVP_PKEY_CTX_free(context_); }

    [[nodiscard]] View public_key() const { return public_; }

    bool agree(View theirs, Secret& shared) {
        auto* peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, theirs.data(), 32);
        std::size_t size = shared.size();
        const bool agreed = peer && EVP_PKEY_derive_init(context_) == 1 &&
                            EVP_PKEY_derive_set_peer_ex(context_, peer, 0) == 1 &&
                            EVP_PKEY_derive(context_, shared.data(), &size) == 1;
        EVP_PKEY_free(peer);
        return agreed;
    }

    static KeyShare& shared() {
        static KeyShare share;
        return share;
    }

 private:
    EVP_PKEY_CTX* context_ = nullptr;
    Secret public_{};
};

/// Writes fields whose size stands before them.
class Writer {
 public:
    explicit Writer(Bytes& out) : out_(out) {}

    void number(std::size_t value, unsigned bytes) {
        while (bytes-- > 0) out_.push_back(static_cast<std::uint8_t>(value >> (8 * bytes)));
    }
    void bytes(View value) { out_.insert(out_.end(), value.begin(), value.end()); }
    template <class Body>
    void sized(unsigned bytes, Body body) {
        const auto at = out_.size();
        number(0, bytes);
        body();
        const auto size = out_.size() - at - bytes;
        for (unsigned i = 0; i < bytes; ++i)
            out_[at + i] = static_cast<std::uint8_t>(size >> (8 * (bytes - 1 - i)));
    }
    template <class Body>
    void extension(std::size_t type, Body body) {
        number(type, 2);
        sized(2, body);
    }

 private:
    Bytes& out_;
};

void write_extensions(Writer& to, const std::string& name) {
    to.extension(0, [&] {  // server_name
        to.sized(2, [&] {
            to.number(0, 1);
            to.sized(2, [&] {
                to.bytes({reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
            });
        });
    });
    to.extension(11, [&] { to.sized(1, [&] { to.number(0, 1); }); });       // point formats
    to.extension(10, [&] { to.sized(2, [&] { to.number(0x001d, 2); }); });  // groups: X25519
    for (const std::size_t empty :
         {35, 22, 23})  // session ticket, encrypt-then-MAC, extended secret
        to.extension(empty, [] {});
    to.extension(13, [&] {  // signature algorithms: as many as OpenSSL's client knows
        to.sized(2, [&] {
            for (const std::size_t algorithm : {0x0403,
                                                0x0503,
                                                0x0603,
                                                0x0807,
                                                0x0808,
                                                0x0809,
                                                0x080a,
                                                0x080b,
                                                0x0804,
                                                0x0805,
                                                0x0806,
                                                0x0401,
                                                0x0501,
                                                0x0601})
                to.number(algorithm, 2);
        });
    });
    to.extension(43, [&] { to.sized(1, [&] { to.number(0x0304, 2); }); });  // TLS 1.3
    // psk_dhe_ke: without it a server gives no tickets, and has less to do than for others.
    to.extension(45, [&] { to.sized(1, [&] { to.number(1, 1); }); });
    to.extension(51, [&] {  // key_share
        to.sized(2, [&] {
            to.number(0x001d, 2);
            to.sized(2, [&] { to.bytes(KeyShare::shared().public_key()); });
        });
    });
}

void write_client_hello(Bytes& message, const std::string& name) {
    std::array<std::uint8_t, 64> random;  // and the session id, which asks for compatibility mode
    RAND_bytes(random.data(), static_cast<int>(random.size()));
    Writer to(message);
    to.number(client_hello, 1);
    to.sized(3, [&] {
        to.number(0x0303, 2);
        to.bytes(View(random).first(32));
        to.sized(1, [&] { to.bytes(View(random).last(32)); });
        to.sized(2, [&] { to.number(0x1301, 2); });
        to.sized(1, [&] { to.number(0, 1); });
        to.sized(2, [&] { write_extensions(to, name); });
    });
}

std::size_t number_at(View bytes, std::size_t at, unsigned size) {
    std::size_t value = 0;
    for (unsigned i = 0; i < size && at + i < bytes.size(); ++i) value = value << 8 | bytes[at + i];
    return value;
}

/// The server's key share, empty if there is none.
View key_share_of(View hello) {
    std::size_t at = message_header + 2 + 32;
    at += 1 + number_at(hello, at, 1) + 2 + 1;  // session id, suite, compression
    for (at += 2; at + 4 <= hello.size();) {
        const auto type = number_at(hello, at, 2), size = number_at(hello, at + 2, 2);
        at += 4;
        if (type == 51 && size == 36 && at + size <= hello.size()) return hello.subspan(at + 4, 32);
        at += size;
    }
    return {};
}

}  // namespace

RecordKeys::RecordKeys(bool encrypts) : context_(EVP_CIPHER_CTX_new()) {
    if (EVP_CipherInit_ex(
            context_.get(), EVP_aes_128_gcm(), nullptr, nullptr, nullptr, encrypts ? 1 : 0) != 1)
        die("no AES-128-GCM");
}

void RecordKeys::set(const Secret& traffic_secret) {
    const auto key = expand_label(traffic_secret, "key", {}, 16);
    const auto iv = expand_label(traffic_secret, "iv", {}, 12);
    std::copy_n(iv.begin(), iv_.size(), iv_.begin());
    sequence_ = 0;
    EVP_CipherInit_ex(context_.get(), nullptr, nullptr, key.data(), nullptr, -1);
}

std::array<std::uint8_t, 12> RecordKeys::next_nonce() {
    auto nonce = iv_;
    for (unsigned i = 0; i < 8; ++i)
        nonce[11 - i] ^= static_cast<std::uint8_t>(sequence_ >> (8 * i));
    ++sequence_;
    return nonce;
}

void RecordKeys::seal(std::uint8_t type, View content, Bytes& out) {
    const auto size = content.size() + 1 + tag_size;
    const std::array<std::uint8_t, record_header> header{application_data,
                                                         3,
                                                         3,
                                                         static_cast<std::uint8_t>(size >> 8),
                                                         static_cast<std::uint8_t>(size)};
    out.insert(out.end(), header.begin(), header.end());
    const auto at = out.size();
    out.insert(out.end(), content.begin(), content.end());
    out.push_back(type);
    out.resize(at + size);
    const auto nonce = next_nonce();
    int written = 0;
    EVP_CipherInit_ex(context_.get(), nullptr, nullptr, nullptr, nonce.data(), -1);
    EVP_CipherUpdate(context_.get(), nullptr, &written, header.data(), record_header);
    EVP_CipherUpdate(context_.get(),
                     out.data() + at,
                     &written,
                     out.data() + at,
                     static_cast<int>(content.size() + 1));
    EVP_CipherFinal_ex(context_.get(), out.data() + at, &written);
    EVP_CIPHER_CTX_ctrl(
        context_.get(), EVP_CTRL_AEAD_GET_TAG, tag_size, out.data() + out.size() - tag_size);
}

View RecordKeys::open(std::span<std::uint8_t> record, std::uint8_t& type) {
    type = 0;
    const auto body = record.subspan(record_header);
    if (body.size() <= tag_size) return {};
    const auto sealed = body.first(body.size() - tag_size);
    const auto nonce = next_nonce();
    int written = 0;
    std::uint8_t nothing = 0;
    EVP_CipherInit_ex(context_.get(), nullptr, nullptr, nullptr, nonce.data(), -1);
    EVP_CIPHER_CTX_ctrl(
        context_.get(), EVP_CTRL_AEAD_SET_TAG, tag_size, body.last(tag_size).data());
    EVP_CipherUpdate(context_.get(), nullptr, &written, record.data(), record_header);
    EVP_CipherUpdate(
        context_.get(), sealed.data(), &written, sealed.data(), static_cast<int>(sealed.size()));
    if (EVP_CipherFinal_ex(context_.get(), &nothing, &written) != 1) return {};
    auto size = sealed.size();
    while (size > 0 && sealed[size - 1] == 0) --size;  // padding
    if (size == 0) return {};
    type = sealed[size - 1];
    return sealed.first(size - 1);
}

void LeanTls::begin(const std::string& server_name) {
    for (auto* buffer : {&transcript_, &pending_, &messages_, &output_, &received_})
        buffer->clear();
    state_ = State::handshaking;
    is_encrypted_ = false;
    write_client_hello(transcript_, server_name);
    Writer to(output_);
    to.number(handshake, 1);
    to.number(0x0301, 2);
    to.sized(2, [&] { to.bytes(transcript_); });
}

void LeanTls::fail(std::string what) {
    error_ = std::move(what);
    state_ = State::failed;
}

void LeanTls::input(View bytes) {
    pending_.insert(pending_.end(), bytes.begin(), bytes.end());
    const std::span all(pending_);
    std::size_t at = 0;
    while (state_ <= State::open && all.size() - at >= record_header) {
        const auto size = record_header + number_at(all, at + 3, 2);
        if (all.size() - at < size) break;
        take_record(all.subspan(at, size));
        at += size;
    }
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(at));
}

void LeanTls::take_record(std::span<std::uint8_t> record) {
    auto type = record[0];
    if (type == change_cipher_spec) return;
    View content = record.subspan(record_header);
    if (is_encrypted_ && type == application_data) {
        content = reading_.open(record, type);
        if (type == 0) return fail("a record does not authenticate");
    }
    take_content(type, content);
}

void LeanTls::take_content(std::uint8_t type, View content) {
    switch (type) {
        case handshake:
            return take_messages(content);
        case application_data:
            received_.insert(received_.end(), content.begin(), content.end());
            return;
        case alert:
            if (content.size() == 2 && content[1] == 0)
                state_ = State::ended;
            else
                fail("alert " + std::to_string(content.size() == 2 ? content[1] : 0));
            return;
        default:
            fail("a record of type " + std::to_string(type));
    }
}

void LeanTls::take_messages(View content) {
    messages_.insert(messages_.end(), content.begin(), content.end());
    const View all(messages_);
    std::size_t at = 0;
    while (state_ <= State::open && all.size() - at >= message_header) {
        const auto size = message_header + number_at(all, at + 1, 3);
        if (all.size() - at < size) break;
        take_message(all.subspan(at, size));
        at += size;
    }
    messages_.erase(messages_.begin(), messages_.begin() + static_cast<std::ptrdiff_t>(at));
}

void LeanTls::take_message(View message) {
    if (state_ == State::open) return;  // a ticket
    if (message[0] == finished) return take_finished(message);
    transcript_.insert(transcript_.end(), message.begin(), message.end());
    if (message[0] == server_hello) take_server_hello(message);
}

void LeanTls::take_server_hello(View message) {
    Secret shared{};
    const auto share = key_share_of(message);
    if (share.empty() || !KeyShare::shared().agree(share, shared))
        return fail("no X25519 key share in the ServerHello");
    static const Secret early = derive(hmac(zeros, zeros), "derived", hash_of_nothing());
    handshake_secret_ = hmac(early, shared);
    const auto until_here = sha256(transcript_);
    client_handshake_ = derive(handshake_secret_, "c hs traffic", until_here);
    server_handshake_ = derive(handshake_secret_, "s hs traffic", until_here);
    reading_.set(server_handshake_);
    writing_.set(client_handshake_);
    is_encrypted_ = true;
}

void LeanTls::take_finished(View message) {
    const auto proof = [&](const Secret& secret) {
        return hmac(expand_label(secret, "finished", {}, 32), sha256(transcript_));
    };
    const auto expected = proof(server_handshake_);
    if (!is_encrypted_ || message.size() != message_header + expected.size() ||
        std::memcmp(message.data() + message_header, expected.data(), expected.size()) != 0)
        return fail("the server's Finished is wrong");
    transcript_.insert(transcript_.end(), message.begin(), message.end());

    Bytes own{finished, 0, 0, 32};
    const auto verify_data = proof(client_handshake_);
    own.insert(own.end(), verify_data.begin(), verify_data.end());
    output_.insert(output_.end(), {change_cipher_spec, 3, 3, 0, 1, 1});
    writing_.seal(handshake, own, output_);

    const auto master = hmac(derive(handshake_secret_, "derived", hash_of_nothing()), zeros);
    const auto until_here = sha256(transcript_);
    writing_.set(derive(master, "c ap traffic", until_here));
    reading_.set(derive(master, "s ap traffic", until_here));
    state_ = State::open;
}

void LeanTls::send(View data) {
    writing_.seal(application_data, data, output_);
}

void LeanTls::send_close_notify() {
    const std::array<std::uint8_t, 2> close_notify{1, 0};
    writing_.seal(alert, close_notify, output_);
}

}  // namespace mesh::bench
