#include "base/result.hpp"

#include <stdexcept>

namespace mesh {

Error with_context(std::string_view context, Error error) {
    error.message.insert(0, ": ");
    error.message.insert(0, context);
    return error;
}

std::string_view to_string(Errc code) {
    switch (code) {
        case Errc::invalid:
            return "invalid";
        case Errc::not_found:
            return "not_found";
        case Errc::unsupported:
            return "unsupported";
        case Errc::io:
            return "io";
        case Errc::timeout:
            return "timeout";
        case Errc::closed:
            return "closed";
        case Errc::limit:
            return "limit";
        case Errc::permission:
            return "permission";
        case Errc::conflict:
            return "conflict";
        case Errc::corrupt:
            return "corrupt";
        case Errc::full:
            return "full";
        case Errc::cancelled:
            return "cancelled";
        case Errc::tls:
            return "tls";
        case Errc::internal:
            return "internal";
    }
    return "internal";
}

std::string_view to_string(Origin origin) {
    switch (origin) {
        case Origin::client:
            return "client";
        case Origin::upstream:
            return "upstream";
        case Origin::ca:
            return "ca";
        case Origin::config:
            return "config";
        case Origin::internal:
            return "internal";
    }
    return "internal";
}

void throw_exception_from_error(const Error& error, const boost::source_location&) {
    throw std::runtime_error(error.message);
}

}  // namespace mesh
