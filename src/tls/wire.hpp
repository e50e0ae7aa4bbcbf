#pragma once
// Private to this room: the BIO between OpenSSL and a Transport.
#include "base/bytes.hpp"
#include "tls/openssl_ptr.hpp"
#include "tls/session.hpp"

namespace mesh::tls {

/// The most plaintext in one record (RFC 8446, 5.1).
inline constexpr std::size_t record_size = 16 * 1024;

/// What OpenSSL reads from and writes to. Reads go straight into OpenSSL's own buffer; writes are
/// gathered until flush() and leave in one piece. Holds no memory while nothing is gathered.
class Wire {
 public:
    explicit Wire(Transport& transport) : transport_(transport) {}
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;

    /// A BIO over this object, which must outlive it.
    [[nodiscard]] BioPtr make_bio();

    /// Room for `size` more bytes at once, when it is known how many will come.
    void reserve(std::size_t size);
    /// Sends what is gathered: ok when all is gone.
    [[nodiscard]] Transport::Outcome flush();
    [[nodiscard]] std::size_t gathered() const { return gathered_.size() - sent_; }

    /// No further byte is read: what OpenSSL asks for next fails.
    void stop_reading() { stopped_ = true; }
    [[nodiscard]] bool at_end() const { return at_end_; }
    [[nodiscard]] bool broken() const { return broken_; }

 private:
    void drop_sent();
    static const BIO_METHOD* method();
    static int on_read(BIO* bio, char* into, std::size_t size, std::size_t* count) noexcept;
    static int on_write(BIO* bio, const char* from, std::size_t size, std::size_t* count) noexcept;
    static long on_control(BIO* bio, int command, long number, void* pointer) noexcept;

    Transport& transport_;
    Bytes gathered_;
    std::size_t sent_ = 0;  ///< of `gathered_`
    bool at_end_ = false;   ///< the peer's bytes have ended
    bool broken_ = false;   ///< the transport failed
    bool stopped_ = false;
};

}  // namespace mesh::tls
