#pragma once
#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace mesh::bench {

using Secret = std::array<std::uint8_t, 32>;

/// One direction's AES-128-GCM (RFC 8446, 5.2 and 5.3).
class RecordKeys {
 public:
    explicit RecordKeys(bool encrypts);

    void set(const Secret& traffic_secret);
    /// Appends the record that carries `content` to `out`.
    void seal(std::uint8_t type,
              std::span<const std::uint8_t> content,
              std::vector<std::uint8_t>& out);
    /// Decrypts a record, header included, in place. The content without padding, its type in
    /// `type`; empty with type 0 when it does not authenticate.
    std::span<const std::uint8_t> open(std::span<std::uint8_t> record, std::uint8_t& type);

 private:
    struct Free {
        void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
    };

    std::array<std::uint8_t, 12> next_nonce();

    std::unique_ptr<EVP_CIPHER_CTX, Free> context_;
    std::array<std::uint8_t, 12> iv_{};
    std::uint64_t sequence_ = 0;
};

/// The client's side of a full TLS 1.3 handshake and what comes after it, for one suite and one
/// group (TLS_AES_128_GCM_SHA256, X25519), at a fifth of what OpenSSL 3.0 takes for it: one key
/// share for all connections, and the certificate is not looked at, nor its signature. What a
/// server has to do is the same, and with a client this cheap it is the server that is busy. Only
/// for servers that were tried with OpenSSL's client before.
///
/// No descriptor: bytes go in by `input`, what is to be sent waits in `output`.
class LeanTls {
 public:
    enum class State : std::uint8_t { handshaking, open, ended, failed };

    LeanTls() : reading_(false), writing_(true) {}

    /// A new connection; the ClientHello is in `output`.
    void begin(const std::string& server_name);
    /// Bytes from the server.
    void input(std::span<const std::uint8_t> bytes);
    /// To be sent as soon as there is any; the caller clears it.
    std::vector<std::uint8_t>& output() { return output_; }

    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] const std::string& error() const { return error_; }
    /// Application data that has come; the caller clears it.
    std::vector<std::uint8_t>& received() { return received_; }
    void send(std::span<const std::uint8_t> data);
    void send_close_notify();

 private:
    void fail(std::string what);
    void take_record(std::span<std::uint8_t> record);
    void take_content(std::uint8_t type, std::span<const std::uint8_t> content);
    void take_messages(std::span<const std::uint8_t> content);
    void take_message(std::span<const std::uint8_t> message);
    void take_server_hello(std::span<const std::uint8_t> message);
    void take_finished(std::span<const std::uint8_t> message);

    RecordKeys reading_;
    RecordKeys writing_;
    State state_ = State::failed;
    bool is_encrypted_ = false;
    std::vector<std::uint8_t> transcript_;
    std::vector<std::uint8_t> pending_;   // bytes of a record that is not whole
    std::vector<std::uint8_t> messages_;  // bytes of a message that is not whole
    std::vector<std::uint8_t> output_;
    std::vector<std::uint8_t> received_;
    Secret handshake_secret_{};
    Secret client_handshake_{};
    Secret server_handshake_{};
    std::string error_;
};

}  // namespace mesh::bench
