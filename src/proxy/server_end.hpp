#pragma once
#include "proxy/relay_end.hpp"

#include <chrono>
#include <memory>
#include <optional>

namespace mesh::proxy {

/// A connection to a server that is ready for the client's bytes, as they are or in TLS of mesh's
/// own.
struct ServerEnd {
    ServerEnd() = default;
    ServerEnd(DescriptorPtr socket) : plain(std::move(socket)) {}             // NOLINT: is one
    ServerEnd(std::unique_ptr<TlsStream> stream) : tls(std::move(stream)) {}  // NOLINT: likewise

    explicit operator bool() const { return plain != nullptr || tls != nullptr; }

    DescriptorPtr plain;
    std::unique_ptr<TlsStream> tls;
    /// As the service says; absent: mesh's default.
    std::optional<std::chrono::milliseconds> termination_delay;
    std::optional<std::chrono::milliseconds> keep_alive;  ///< between questions whether it is there
};

}  // namespace mesh::proxy
