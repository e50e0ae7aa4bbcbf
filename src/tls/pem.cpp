#include "tls/pem.hpp"

#include "tls/openssl_error.hpp"
#include "tls/openssl_ptr.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <cstring>

namespace mesh::tls {
namespace {

constexpr std::size_t text_size_max = 1024 * 1024;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// What PEM_read_bio allocates; the content may be a private key.
struct RawBlock {
    char* label = nullptr;
    char* headers = nullptr;
    unsigned char* content = nullptr;
    long size = 0;

    RawBlock() = default;
    RawBlock(const RawBlock&) = delete;
    RawBlock& operator=(const RawBlock&) = delete;
    ~RawBlock() {
        OPENSSL_free(label);
        OPENSSL_free(headers);
        OPENSSL_clear_free(content, static_cast<std::size_t>(size));
    }
};

bool is_end_of_text() {
    const unsigned long code = ERR_peek_last_error();
    return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

}  // namespace

Status for_each_pem_block(std::string_view text,
                          const std::function<Status(const PemBlock&)>& visit) {
    if (text.size() > text_size_max)
        return Error{Errc::limit, Origin::config, "PEM text is longer than 1 MiB"};
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());

    ERR_clear_error();
    const BioPtr source(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    if (!source) return openssl_error("cannot read PEM text");
    for (;;) {
        RawBlock raw;
        if (PEM_read_bio(source.get(), &raw.label, &raw.headers, &raw.content, &raw.size) != 1) {
            if (is_end_of_text()) {
                ERR_clear_error();
                return {};
            }
            return openssl_error("a PEM block cannot be decoded", Origin::config, Errc::invalid);
        }
        const PemBlock block{
            raw.label, raw.headers, ByteView(raw.content, static_cast<std::size_t>(raw.size))};
        if (auto visited = visit(block); !visited) return visited;
    }
}

}  // namespace mesh::tls
