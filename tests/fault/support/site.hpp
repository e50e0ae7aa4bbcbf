#pragma once
#include "control/reconciler.hpp"
#include "fault/ca/direct_transport.hpp"
#include "fault/ca/fault_ca.hpp"
#include "fault/server/ca_server.hpp"
#include "fault/support/watched.hpp"
#include "unit/control/support/facts.hpp"
#include "unit/control/support/fake_publisher.hpp"
#include "unit/control/support/manual_executor.hpp"
#include "unit/control/support/recording_log.hpp"
#include "unit/http/server_certificate.hpp"

#include <memory>
#include <string>
#include <vector>

namespace mesh::fault {

using namespace std::chrono_literals;
using acme::Step;
using control::test::at;
using std::chrono::days;

/// How a site reaches its CAs and remembers.
enum class Way {
    real,    ///< libcurl over TLS to a server on loopback, SQLite on disk
    direct,  ///< neither sockets nor a disk
};

/// A CA and its place in the network. Requests are executed on the thread that runs the tasks.
class CaPlace final : private Serving {
 public:
    CaPlace(Way way, ManualClock& clock, control::test::ManualExecutor& tasks);
    ~CaPlace() override = default;

    /// Nobody listens there, or again.
    void shut() { server_->shut(); }
    void open() { server_->open(); }
    /// Whom the server claims to be from now on, at another port.
    void serve_as(ServerIdentity identity);
    /// Answers that wait for their time on the virtual clock.
    [[nodiscard]] std::size_t held() const { return *held_; }
    [[nodiscard]] const std::string& trust_file() const { return trust_->path(); }

    FaultCa ca;

 private:
    void serve(Request request, std::function<void(Reply)> answer) override;
    void execute(const Request& request, const std::function<void(Reply)>& answer);

    control::test::ManualExecutor& tasks_;
    std::shared_ptr<std::size_t> held_ = std::make_shared<std::size_t>(0);
    std::unique_ptr<test::TemporaryFile> trust_;
    std::unique_ptr<CaServer> server_;
};

/// mesh's control plane as it really runs, between a fault CA and a data plane that only notes what
/// it would serve. Virtual time moves on when nothing is under way: no exchange, no commit, no
/// task. Then it moves to the next thing that waits for its time, which may be an answer the CA
/// holds back.
class Site {
 public:
    explicit Site(Way way = Way::real, WallTime start = at("2026-01-01T00:00:00Z"));
    ~Site();
    Site(const Site&) = delete;
    Site& operator=(const Site&) = delete;

    /// A process on what is stored, with the wanted set.
    void start();
    /// kill -9.
    void kill();
    void restart() {
        kill();
        start();
    }
    void want() { reconciler->want(wanted, resolvers); }
    /// Adds to what is wanted; the first name is the main one.
    model::WantedCertificate& add(const std::vector<std::string>& names,
                                  const std::string& resolver = "le");
    /// A second CA, of resolver "other".
    CaPlace& add_other();

    void run_for(std::chrono::milliseconds span) { tasks.run_for(span); }
    [[nodiscard]] bool run_until(const std::function<bool()>& holds,
                                 std::chrono::milliseconds limit = 1h) {
        return tasks.run_until(holds, limit);
    }
    [[nodiscard]] bool live(const std::string& name) const;
    [[nodiscard]] bool all_live() const;
    [[nodiscard]] bool run_until_live(std::chrono::milliseconds limit = 1h) {
        return run_until([this] { return all_live(); }, limit);
    }
    [[nodiscard]] bool run_until_failed(std::size_t times = 1, std::chrono::milliseconds l = 1h) {
        return run_until([=, this] { return log.count("order_failed") >= times; }, l);
    }
    /// What the last order_failed says.
    [[nodiscard]] std::string failure(const std::string& field = "detail") const {
        return log.last("order_failed").fields.at(field);
    }
    [[nodiscard]] store::StoredCertificate stored(const std::string& name);
    [[nodiscard]] std::optional<store::OrderRecord> order_of(const std::string& name);
    [[nodiscard]] std::size_t in_flight() const { return exchanges_.count(); }
    [[nodiscard]] std::size_t in_flight_max() const;

    const Way way;
    ManualClock clock;
    control::test::ManualExecutor tasks{clock};
    control::test::RecordingLog log;
    std::string folder;
    CaPlace place;
    FaultCa& ca{place.ca};
    std::unique_ptr<CaPlace> other;
    model::WantedSet wanted;
    std::map<std::string, model::CertResolver> resolvers;
    std::unique_ptr<control::test::FakePublisher> publisher;
    std::unique_ptr<store::Store> store;
    std::unique_ptr<control::Reconciler> reconciler;

 private:
    void add_resolver(const std::string& name, const CaPlace& at_place);
    void open_store();
    void open_http();
    [[nodiscard]] std::optional<Json> judge_challenge(const std::string& name,
                                                      const std::string& key_authorization) const;

    UnderWay exchanges_;
    UnderWay commits_;
    NullLog store_log_;
    std::unique_ptr<http::Client> http_;
    std::shared_ptr<store::Store> memory_;
    std::size_t in_flight_max_ = 0;
};

}  // namespace mesh::fault
