#include "http/transfer.hpp"

#include "base/ascii.hpp"
#include "base/duration.hpp"
#include "http/curl_failure.hpp"
#include "http/dead_peer.hpp"

#include <algorithm>
#include <strings.h>
#include <sys/socket.h>

namespace mesh::http {

namespace {

constexpr std::size_t header_bytes_max = 64 * 1024;
constexpr std::size_t header_count_max = 200;

// Every option used here exists in each libcurl the build accepts, and the values are ours: a
// failure can only be memory, which curl_easy_perform reports again.
template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
    curl_easy_setopt(easy, option, value);
}

}  // namespace

Transfer::Transfer(RequestId id, Request request, Target target, SteadyTime deadline)
    : id_(id), request_(std::move(request)), target_(std::move(target)), deadline_(deadline) {}

Status Transfer::prepare(const std::string& user_agent,
                         CURLSH* share,
                         TlsFiles tls,
                         std::chrono::milliseconds left,
                         std::function<bool()> live) {
    tls_ = std::move(tls);
    live_ = std::move(live);
    easy_.reset(curl_easy_init());
    if (!easy_ || !set_fields()) return Error{Errc::internal, Origin::internal, "out of memory"};
    CURL* easy = easy_.get();
    set(easy, CURLOPT_URL, request_.url.c_str());
    set(easy, CURLOPT_PRIVATE, static_cast<void*>(this));
    set(easy, CURLOPT_ERRORBUFFER, detail_.data());
    set(easy, CURLOPT_USERAGENT, user_agent.c_str());
    set(easy, CURLOPT_SHARE, share);
    set(easy, CURLOPT_NOSIGNAL, 1L);
    // A resolver that hangs must not hold up the loop when its request is given up.
    set(easy, CURLOPT_QUICK_EXIT, 1L);
    // One exchange per connection: the bound on connections is a bound on requests in flight.
    set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    // Another path would be another question, and its answer taken for the one to ours.
    set(easy, CURLOPT_PATH_AS_IS, 1L);
    const bool plain_allowed = !request_.https_only || !request_.unix_socket.empty();
    set(easy, CURLOPT_PROTOCOLS_STR, plain_allowed ? "http,https" : "https");
    if (!request_.unix_socket.empty()) {
        set(easy, CURLOPT_UNIX_SOCKET_PATH, request_.unix_socket.c_str());
    }
    if (request_.direct || !request_.unix_socket.empty()) {
        set(easy, CURLOPT_PROXY, "");
        set(easy, CURLOPT_NOPROXY, "*");
    }
    set(easy, CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_open);
    // Not as libcurl's own options: before 8.9 it cannot bound the number of probes.
    set(easy, CURLOPT_SOCKOPTFUNCTION, &Transfer::on_socket);
    set(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    set(easy, CURLOPT_HEADERDATA, static_cast<void*>(this));
    set(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(easy, CURLOPT_WRITEDATA, static_cast<void*>(this));
    set_bounds(left);
    set_method();
    set_trust();
    set_identity();
    return {};
}

bool Transfer::set_fields() {
    const auto append = [&](const std::string& line) {
        curl_slist* longer = curl_slist_append(fields_.get(), line.c_str());
        if (longer == nullptr) return false;
        static_cast<void>(fields_.release());
        fields_.reset(longer);
        return true;
    };
    bool has_type = false;
    for (const auto& [name, value] : request_.headers) {
        has_type = has_type || strcasecmp(name.c_str(), "content-type") == 0;
        // "Name;" is libcurl's spelling of a field that is sent empty.
        if (!append(value.empty() ? name + ";" : name + ": " + value)) return false;
    }
    // What libcurl would add of its own accord: a form's content type, and a round trip of
    // waiting for "100 Continue".
    if (!has_type && !append("Content-Type:")) return false;
    if (!append("Expect:")) return false;
    set(easy_.get(), CURLOPT_HTTPHEADER, fields_.get());
    return true;
}

void Transfer::set_bounds(std::chrono::milliseconds left) {
    CURL* easy = easy_.get();
    auto connect = request_.connect_timeout;
    if (request_.timeout.count() != 0) {
        // libcurl reads 0 as "for ever".
        left = std::max(left, std::chrono::milliseconds{1});
        set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(left.count()));
        connect = std::min(connect, left);
    }
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect.count()));
    if (!request_.body_sink) {
        set(easy, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request_.body_size_max));
    }
}

void Transfer::set_method() {
    CURL* easy = easy_.get();
    switch (request_.method) {
        case Method::get:
            set(easy, CURLOPT_HTTPGET, 1L);
            break;
        case Method::head:
            set(easy, CURLOPT_NOBODY, 1L);
            break;
        case Method::post:
            set(easy, CURLOPT_POST, 1L);
            set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
            // Not as CURLOPT_POSTFIELDS: libcurl sends those again, by itself, when a connection
            // that served before ends without an answer, and the first copy may have been acted on.
            // A body it has to ask for, and cannot rewind, goes out once.
            set(easy, CURLOPT_READFUNCTION, &Transfer::on_send);
            set(easy, CURLOPT_READDATA, static_cast<void*>(this));
            break;
    }
}

std::size_t Transfer::on_send(char* into, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const std::string_view left = std::string_view(transfer.request_.body).substr(transfer.sent_);
    const std::size_t part = left.copy(into, size * count);
    transfer.sent_ += part;
    return part;
}

// The certificates go in as a blob: libcurl then keeps connections and TLS sessions of different
// trust apart by itself.
void Transfer::set_trust() {
    if (!tls_.trust) return;
    CURL* easy = easy_.get();
    set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    // libcurl never writes through the pointer.
    const std::string& pem = tls_.trust->pem;
    curl_blob blob{const_cast<char*>(pem.data()), pem.size(), CURL_BLOB_NOCOPY};
    set(easy, CURLOPT_CAPATH, static_cast<char*>(nullptr));
    set(easy, CURLOPT_CAINFO, static_cast<char*>(nullptr));
    set(easy, CURLOPT_CAINFO_BLOB, &blob);
    // Only this way libcurl shows a certificate it does not accept; a message that cannot say
    // whose it was leaves an operator guessing which of the boxes in between made it.
    set(easy, CURLOPT_DEBUGFUNCTION, &Transfer::on_debug);
    set(easy, CURLOPT_DEBUGDATA, static_cast<void*>(this));
    set(easy, CURLOPT_VERBOSE, 1L);
}

// As blobs too: libcurl compares the certificate itself before it uses a connection again, so that
// neither another one nor the one before in the same file speaks for this request.
void Transfer::set_identity() {
    if (!tls_.identity) return;
    CURL* easy = easy_.get();
    const auto set_blob = [easy](CURLoption option, std::string_view text) {
        curl_blob blob{const_cast<char*>(text.data()), text.size(), CURL_BLOB_NOCOPY};
        set(easy, option, &blob);
    };
    set_blob(CURLOPT_SSLCERT_BLOB, tls_.identity->chain);
    set_blob(CURLOPT_SSLKEY_BLOB, tls_.identity->key.reveal());
    set(easy, CURLOPT_SSLCERTTYPE, "PEM");
    set(easy, CURLOPT_SSLKEYTYPE, "PEM");
    // A server goes on with what it found out about the client when the session began.
    set(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
}

void Transfer::take_handshake(ByteView message) {
    if (auto shown = read_certificate_message(message)) shown_ = std::move(shown);
}

bool Transfer::refuse(Errc code, std::string message) {
    if (!refusal_) refusal_ = Error{code, Origin::upstream, std::move(message)};
    return false;
}

bool Transfer::refuse_header() {
    return refuse(Errc::limit,
                  "the header of the answer of " + target_.authority +
                      " is larger than 64 KiB or 200 fields");
}

bool Transfer::take_header(std::string_view line) {
    if (body_begun_) return true;  // trailers: nobody asked for them
    header_bytes_ += line.size();
    if (header_bytes_ > header_bytes_max) return refuse_header();
    // An interim answer (1xx) is followed by another one; the counts go on, so that a server
    // cannot send them for ever.
    if (line.starts_with("HTTP/")) {
        response_.headers.clear();
        return true;
    }
    const bool folded = line.starts_with(' ') || line.starts_with('\t');
    const std::string_view text = trimmed(line, " \t\r\n");
    if (text.empty()) return true;
    if (++header_count_ > header_count_max) return refuse_header();
    if (folded && !response_.headers.empty()) {
        response_.headers.back().second.append(" ").append(text);
        return true;
    }
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return true;
    response_.headers.emplace_back(trimmed(text.substr(0, colon)), trimmed(text.substr(colon + 1)));
    return true;
}

bool Transfer::take_body(std::string_view bytes) {
    body_begun_ = true;
    if (request_.body_sink) {
        if (live_() && request_.body_sink(bytes)) return true;
        return refuse(Errc::cancelled, "the receiver of " + target_.authority + " had enough");
    }
    if (bytes.size() > request_.body_size_max - response_.body.size()) {
        return refuse(Errc::limit,
                      "the answer of " + target_.authority + " is larger than " +
                          std::to_string(request_.body_size_max) + " bytes");
    }
    response_.body.append(bytes);
    return true;
}

// No exception may pass through libcurl.
std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const std::size_t bytes = size * count;
    try {
        return transfer.take_header({data, bytes}) ? bytes : CURL_WRITEFUNC_ERROR;
    } catch (const std::exception& failure) {
        transfer.refuse(Errc::internal, failure.what());
        return CURL_WRITEFUNC_ERROR;
    }
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const std::size_t bytes = size * count;
    try {
        return transfer.take_body({data, bytes}) ? bytes : CURL_WRITEFUNC_ERROR;
    } catch (const std::exception& failure) {
        transfer.refuse(Errc::internal, failure.what());
        return CURL_WRITEFUNC_ERROR;
    }
}

// As libcurl would, but not for programs that are started meanwhile: those would keep it open.
curl_socket_t Transfer::on_open(void*, curlsocktype, curl_sockaddr* address) {
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

int Transfer::on_socket(void*, curl_socket_t socket, curlsocktype) {
    notice_dead_peer(socket);
    return CURL_SOCKOPT_OK;
}

int Transfer::on_debug(CURL*, curl_infotype kind, char* data, std::size_t size, void* self) {
    if (kind == CURLINFO_SSL_DATA_OUT) static_cast<Transfer*>(self)->tls_begun_ = true;
    if (kind != CURLINFO_SSL_DATA_IN) return 0;
    try {
        static_cast<Transfer*>(self)->take_handshake(as_bytes({data, size}));
    } catch (const std::exception&) {
        return 0;  // out of memory: the message is less good
    }
    return 0;
}

Result<Response> Transfer::finish(CURLcode code) {
    // What libcurl before 8.6 calls a header line that outgrows its buffer of 100 KiB.
    if (code == CURLE_OUT_OF_MEMORY && header_bytes_ != 0 && !body_begun_) refuse_header();
    if (refusal_) return *refusal_;
    if (code != CURLE_OK) {
        return error_of(
            FailedTransfer{easy_.get(),
                           code,
                           detail_.data(),
                           target_.authority,
                           tls_.trust ? tls_.trust->description : std::string_view(),
                           tls_.identity ? tls_.identity->description : std::string_view(),
                           shown_ ? &*shown_ : nullptr,
                           request_.timeout,
                           request_.connect_timeout,
                           target_.encrypted(),
                           tls_begun_});
    }
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
    return std::move(response_);
}

Error Transfer::waited_in_vain(unsigned per_host) const {
    return Error{Errc::timeout,
                 Origin::upstream,
                 "no connection to " + target_.authority + " became free within " +
                     describe(request_.timeout) + ": " + std::to_string(per_host) +
                     " requests are already under way"};
}

}  // namespace mesh::http
