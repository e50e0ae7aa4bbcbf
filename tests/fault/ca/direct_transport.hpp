#pragma once
#include "fault/ca/fault_ca.hpp"
#include "http/client.hpp"

#include <map>
#include <memory>

namespace mesh::fault {

/// The way to fault CAs without sockets: an http::Client that hands requests to the CA whose origin
/// their URL begins with. All its time is that of the executor a request names, so that a year
/// passes as fast as its events can be computed. Requests to nobody are refused connections.
/// Single-threaded.
class DirectTransport final : public http::Client {
 public:
    DirectTransport() = default;
    ~DirectTransport() override = default;

    /// `ca` outlives the transport.
    void connect(FaultCa& ca) { cas_.push_back(&ca); }
    http::RequestId send(http::Request request, Executor& executor, http::Completion done) override;
    void cancel(http::RequestId id) override { open_.erase(id); }

    std::chrono::milliseconds latency{5};  ///< each way
    [[nodiscard]] std::size_t in_flight() const { return open_.size(); }
    [[nodiscard]] std::size_t in_flight_max() const { return in_flight_max_; }

 private:
    struct Open {
        http::Request request;
        Executor* executor = nullptr;
        http::Completion done;
    };
    using Answer = Result<http::Response>;

    void arrive(http::RequestId id);
    void complete_after(http::RequestId id, std::chrono::milliseconds wait, const Answer& answer);
    void complete(http::RequestId id, const Answer& answer);
    [[nodiscard]] FaultCa* ca_of(const std::string& url) const;

    std::vector<FaultCa*> cas_;
    std::map<http::RequestId, Open> open_;
    http::RequestId last_ = 0;
    std::size_t in_flight_max_ = 0;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace mesh::fault
