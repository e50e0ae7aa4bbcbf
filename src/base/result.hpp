#pragma once
#include <boost/system/result.hpp>

#include <string>
#include <utility>

namespace mesh {

/// Whose fault a failure is; decides the log level and what an operator should look at.
enum class Origin { client, upstream, ca, config, internal };

/// What kind of failure, independent of the room it happened in.
enum class Errc {
    invalid,  ///< malformed input
    not_found,
    unsupported,  ///< understood, but not offered by this version
    io,           ///< the operating system or a peer failed us
    timeout,
    closed,  ///< the other side ended early
    limit,   ///< a bound was reached
    permission,
    conflict,  ///< somebody else owns it, or it exists already
    corrupt,   ///< stored data that fails its own checks
    full,      ///< no space left
    cancelled,
    tls,  ///< the TLS library refused
    internal,
};

/// A failure that can happen in normal life. `message` is one sentence without a final stop and
/// never holds secret material.
struct Error {
    Errc code = Errc::internal;
    Origin origin = Origin::internal;
    std::string message;
};

/// Either a value or an Error. Callers test it; `value()` on an error throws std::runtime_error.
template <class T>
using Result = boost::system::result<T, Error>;
using Status = Result<void>;

/// "context: message", keeping code and origin: one prefix per layer.
[[nodiscard]] Error with_context(std::string_view context, Error error);

[[nodiscard]] std::string_view to_string(Errc code);
[[nodiscard]] std::string_view to_string(Origin origin);

[[noreturn]] void throw_exception_from_error(const Error& error,
                                             const boost::source_location& location);

}  // namespace mesh
