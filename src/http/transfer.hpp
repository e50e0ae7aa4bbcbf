#pragma once
#include "base/clock.hpp"
#include "http/client.hpp"
#include "http/client_identity.hpp"
#include "http/shown_certificate.hpp"
#include "http/target.hpp"
#include "http/trust_bundle.hpp"

#include <curl/curl.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>

namespace mesh::http {

/// What a TLS connection needs to know: whom to believe and who we are.
struct TlsFiles {
    std::shared_ptr<const TrustBundle> trust;
    std::optional<ClientIdentity> identity;
};

/// One exchange: a request, its libcurl handle and what has arrived so far. Stays at one address
/// while libcurl holds pointers into it.
class Transfer {
 public:
    Transfer(RequestId id, Request request, Target target, SteadyTime deadline);
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    /// Makes the handle. `live` is asked before bytes go to the body sink. Errors: out of memory.
    [[nodiscard]] Status prepare(const std::string& user_agent,
                                 CURLSH* share,
                                 TlsFiles tls,
                                 std::chrono::milliseconds left,
                                 std::function<bool()> live);
    /// What became of it, given libcurl's verdict.
    [[nodiscard]] Result<Response> finish(CURLcode code);
    /// The answer to a request that was never started.
    [[nodiscard]] Error waited_in_vain(unsigned per_host) const;

    [[nodiscard]] RequestId id() const { return id_; }
    [[nodiscard]] const Target& target() const { return target_; }
    [[nodiscard]] const Request& request() const { return request_; }
    /// SteadyTime::max() when there is none.
    [[nodiscard]] SteadyTime deadline() const { return deadline_; }
    [[nodiscard]] CURL* native() const { return easy_.get(); }

 private:
    struct FreeEasy {
        void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
    };
    struct FreeList {
        void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
    };

    [[nodiscard]] bool set_fields();
    void set_bounds(std::chrono::milliseconds left);
    void set_method();
    void set_trust();
    void set_identity();
    [[nodiscard]] bool take_header(std::string_view line);
    [[nodiscard]] bool take_body(std::string_view bytes);
    bool refuse_header();
    bool refuse(Errc code, std::string message);
    void take_handshake(ByteView message);
    static curl_socket_t on_open(void* self, curlsocktype purpose, curl_sockaddr* address);
    static int on_socket(void* self, curl_socket_t socket, curlsocktype purpose);
    static int on_debug(CURL* easy, curl_infotype kind, char* data, std::size_t size, void* self);
    static std::size_t on_send(char* into, std::size_t size, std::size_t count, void* self);
    static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
    static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);

    RequestId id_;
    Request request_;
    Target target_;
    SteadyTime deadline_;
    TlsFiles tls_;
    std::function<bool()> live_;
    std::unique_ptr<curl_slist, FreeList> fields_;
    std::array<char, CURL_ERROR_SIZE> detail_{};
    std::optional<ShownCertificate> shown_;
    bool tls_begun_ = false;
    Response response_;
    std::size_t sent_ = 0;  ///< of the body
    std::size_t header_bytes_ = 0;
    std::size_t header_count_ = 0;
    bool body_begun_ = false;
    std::optional<Error> refusal_;  ///< why we stopped libcurl ourselves
    // Last: libcurl's handle points at everything above, so it must go first.
    std::unique_ptr<CURL, FreeEasy> easy_;
};

}  // namespace mesh::http
