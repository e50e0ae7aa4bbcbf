#include "http/curl_failure.hpp"

#include "base/duration.hpp"

#include <cstring>

namespace mesh::http {

namespace {

template <class T>
T info(CURL* easy, CURLINFO which) {
    T value{};
    curl_easy_getinfo(easy, which, &value);
    return value;
}

Error upstream(Errc code, std::string message) {
    return Error{code, Origin::upstream, std::move(message)};
}

/// libcurl's own words without its shouted prefixes.
std::string_view words(const FailedTransfer& failed) {
    std::string_view text = failed.detail.empty() ? curl_easy_strerror(failed.code) : failed.detail;
    for (const std::string_view prefix : {"SSL certificate problem: ", "SSL: "}) {
        if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
    }
    while (text.ends_with('\n') || text.ends_with('.')) text.remove_suffix(1);
    return text;
}

Error no_connection(const FailedTransfer& failed) {
    std::string message = "cannot connect to " + std::string(failed.authority) + ": ";
    const auto number = static_cast<int>(info<long>(failed.easy, CURLINFO_OS_ERRNO));
    message += number != 0 ? std::string(std::strerror(number)) : std::string(words(failed));
    return upstream(Errc::io, std::move(message));
}

/// How far a transfer got tells what to look at: DNS, a firewall, the TLS side, a slow server.
Error out_of_time(const FailedTransfer& failed) {
    const auto reached = [&](CURLINFO phase) { return info<curl_off_t>(failed.easy, phase) != 0; };
    const std::string who(failed.authority);
    // libcurl counts the TLS handshake as connecting, and a connection that is used again as none.
    const bool through = reached(CURLINFO_CONNECT_TIME_T) || reached(CURLINFO_PRETRANSFER_TIME_T) ||
                         failed.tls_begun;
    if (!through) {
        const auto took = info<curl_off_t>(failed.easy, CURLINFO_TOTAL_TIME_T);
        const std::chrono::milliseconds waited{took / 1000};
        return upstream(Errc::timeout, "no connection to " + who + " within " + describe(waited));
    }
    // Not the time of the handshake: a connection that is used again has none.
    if (failed.encrypted && !reached(CURLINFO_PRETRANSFER_TIME_T)) {
        const bool whole = failed.timeout.count() != 0 && failed.timeout < failed.connect_timeout;
        return upstream(Errc::timeout,
                        who + " did not finish the TLS handshake within " +
                            describe(whole ? failed.timeout : failed.connect_timeout));
    }
    const std::string limit = describe(failed.timeout);
    if (!reached(CURLINFO_STARTTRANSFER_TIME_T)) {
        return upstream(Errc::timeout, who + " did not answer within " + limit);
    }
    return upstream(Errc::timeout, who + " did not finish its answer within " + limit);
}

/// " (for 'ca.example' by 'Some Root')", or nothing.
std::string of_whom(const FailedTransfer& failed) {
    if (failed.shown == nullptr) return {};
    return " (for '" + failed.shown->subject + "' by '" + failed.shown->issuer + "')";
}

Error not_trusted(const FailedTransfer& failed) {
    std::string message = "the certificate of " + std::string(failed.authority);
    message += of_whom(failed);
    message += " does not verify: " + std::string(words(failed)) +
               " (trusted: " + std::string(failed.trusted) + ")";
    return upstream(Errc::tls, std::move(message));
}

/// A certificate can make OpenSSL fail before it comes to a verdict: that of a root with the name
/// of a trusted one and another key, as a test CA that was set up anew has.
Error no_handshake(const FailedTransfer& failed) {
    std::string message = "TLS handshake with " + std::string(failed.authority) +
                          " failed: " + std::string(words(failed));
    if (failed.shown != nullptr)
        message += "; it showed a certificate" + of_whom(failed) +
                   ", trusted: " + std::string(failed.trusted);
    if (!failed.identity.empty()) message += "; we showed " + std::string(failed.identity);
    return upstream(Errc::tls, std::move(message));
}

Error unusable_identity(const FailedTransfer& failed) {
    return Error{Errc::invalid,
                 Origin::config,
                 "cannot use the client certificate " + std::string(failed.identity) + ": " +
                     std::string(words(failed))};
}

/// With TLS 1.3 a server judges a client's certificate when the client takes the handshake for
/// done.
Error broken_off(const FailedTransfer& failed) {
    const std::string who(failed.authority);
    const std::string why(words(failed));
    if (failed.encrypted && why.find(" alert ") != std::string::npos)
        return upstream(Errc::tls,
                        who + " refused " +
                            (failed.identity.empty()
                                 ? "a client without a certificate"
                                 : "the client certificate " + std::string(failed.identity)) +
                            ": " + why);
    return upstream(Errc::io, "talking to " + who + " failed: " + why);
}

}  // namespace

Error error_of(const FailedTransfer& failed) {
    const std::string who(failed.authority);
    switch (failed.code) {
        case CURLE_COULDNT_RESOLVE_HOST:
            return upstream(Errc::io,
                            "cannot find the address of " + who + ": the name does not resolve");
        case CURLE_COULDNT_RESOLVE_PROXY:
            return upstream(Errc::io,
                            "cannot reach " + who + ": the proxy's name does not resolve");
        case CURLE_COULDNT_CONNECT:
            return no_connection(failed);
        case CURLE_OPERATION_TIMEDOUT:
            return out_of_time(failed);
        case CURLE_PEER_FAILED_VERIFICATION:
            return not_trusted(failed);
        case CURLE_SSL_CACERT_BADFILE:
            return Error{Errc::invalid,
                         Origin::config,
                         "the trusted certificates cannot be read (" + std::string(failed.trusted) +
                             "): " + std::string(words(failed))};
        case CURLE_SSL_CERTPROBLEM:
            return unusable_identity(failed);
        case CURLE_RECV_ERROR:
        case CURLE_SEND_ERROR:
            return broken_off(failed);
        case CURLE_SSL_CONNECT_ERROR:
            return no_handshake(failed);
        case CURLE_SEND_FAIL_REWIND:  // it would have sent a POST again
        case CURLE_GOT_NOTHING:
            return upstream(Errc::io, who + " closed the connection without an answer");
        case CURLE_PARTIAL_FILE:
            return upstream(Errc::io, who + " cut its answer off: " + std::string(words(failed)));
        case CURLE_FILESIZE_EXCEEDED:
            return upstream(Errc::limit, "the answer of " + who + " is larger than allowed");
#if LIBCURL_VERSION_NUM >= 0x080600
        case CURLE_TOO_LARGE:
            return upstream(Errc::limit, "the header of the answer of " + who + " is too large");
#endif
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_WEIRD_SERVER_REPLY:
            return upstream(Errc::io,
                            who + " does not answer in HTTP: " + std::string(words(failed)));
        case CURLE_URL_MALFORMAT:
            return Error{Errc::invalid, Origin::config, who + ": not a URL libcurl accepts"};
        case CURLE_OUT_OF_MEMORY:
            return Error{Errc::internal, Origin::internal, "out of memory"};
        default:
            return upstream(Errc::io,
                            "talking to " + who + " failed: " + std::string(words(failed)));
    }
}

}  // namespace mesh::http
