#include "fault/ca/direct_transport.hpp"

#include <algorithm>

namespace mesh::fault {
namespace {

using std::chrono::milliseconds;

const char* name_of(http::Method method) {
    switch (method) {
        case http::Method::get:
            return "GET";
        case http::Method::head:
            return "HEAD";
        case http::Method::post:
            break;
    }
    return "POST";
}

Request as_seen_by_ca(const http::Request& request) {
    Request result{name_of(request.method), request.url, {}, request.body};
    for (const auto& [name, value] : request.headers)
        if (name == "Content-Type") result.content_type = value;
    return result;
}

Error failure(Errc code, const char* what) {
    return Error{code, Origin::upstream, what};
}

Result<http::Response> as_received(const Reply& reply, const http::Request& request) {
    if (reply.cut) return failure(Errc::io, "the CA cut its answer off");
    if (request.method != http::Method::head && reply.body.size() > request.body_size_max)
        return failure(Errc::limit, "the answer of the CA is too large");
    http::Response response;
    response.status = reply.status;
    response.headers = reply.headers;
    if (request.method != http::Method::head) response.body = reply.body;
    return response;
}

/// How long the body takes, where it comes in drops.
milliseconds time_of_body(const Reply& reply) {
    if (!reply.drip) return milliseconds{0};
    return *reply.drip * static_cast<milliseconds::rep>(reply.body.size());
}

}  // namespace

http::RequestId DirectTransport::send(http::Request request,
                                      Executor& executor,
                                      http::Completion done) {
    const http::RequestId id = ++last_;
    open_[id] = {std::move(request), &executor, std::move(done)};
    in_flight_max_ = std::max(in_flight_max_, open_.size());
    executor.post_after(latency, [this, alive = std::weak_ptr<int>(alive_), id] {
        if (!alive.expired()) arrive(id);
    });
    return id;
}

FaultCa* DirectTransport::ca_of(const std::string& url) const {
    const auto found = std::find_if(cas_.begin(), cas_.end(), [&](const FaultCa* ca) {
        return url.starts_with(ca->origin() + "/");
    });
    return found == cas_.end() ? nullptr : *found;
}

void DirectTransport::arrive(http::RequestId id) {
    const auto found = open_.find(id);
    if (found == open_.end()) return;
    const http::Request& request = found->second.request;
    FaultCa* const ca = ca_of(request.url);
    if (ca == nullptr) {
        complete_after(id, milliseconds{0}, failure(Errc::io, "nobody listens there"));
        return;
    }
    const Reply reply = ca->serve(as_seen_by_ca(request));
    if (reply.lost) {
        complete_after(id, latency, failure(Errc::io, "the connection to the CA was reset"));
        return;
    }
    const milliseconds takes = reply.delay + time_of_body(reply);
    const bool in_time = request.timeout.count() == 0 || takes < request.timeout;
    if (reply.silent || !in_time)
        complete_after(
            id, request.timeout, failure(Errc::timeout, "the CA did not answer in time"));
    else
        complete_after(id, takes + latency, as_received(reply, request));
}

void DirectTransport::complete_after(http::RequestId id, milliseconds wait, const Answer& answer) {
    open_.at(id).executor->post_after(wait, [this, alive = std::weak_ptr<int>(alive_), id, answer] {
        if (!alive.expired()) complete(id, answer);
    });
}

void DirectTransport::complete(http::RequestId id, const Answer& answer) {
    const auto found = open_.find(id);
    if (found == open_.end()) return;
    const http::Completion done = std::move(found->second.done);
    open_.erase(found);
    done(answer);
}

}  // namespace mesh::fault
