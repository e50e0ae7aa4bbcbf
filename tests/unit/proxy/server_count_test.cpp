// The open connections of a server, by which the least loaded is told: each counts from its dial,
// and is given back whatever becomes of it.
#include "support/black_hole.hpp"
#include "support/catch.hpp"
#include "support/plane.hpp"
#include "support/tls_backend.hpp"
#include "support/tls_peer.hpp"

#include <future>
#include <memory>
#include <optional>
#include <string>

using namespace mesh;
using namespace mesh::test;
using std::chrono::milliseconds;

namespace {

/// Of the client with mesh, and of mesh with the server.
struct Wire {
    bool client_in_tls = false;
    model::ServerTls server = model::ServerTls::none;
};

constexpr Wire wires[] = {{false, model::ServerTls::none},
                          {true, model::ServerTls::none},
                          {false, model::ServerTls::direct},
                          {true, model::ServerTls::direct}};

/// A service that goes by the number of connections.
class CountedPlane {
 public:
    CountedPlane(std::uint16_t port, Wire wire) : wire_(wire), plane(to_server(port, wire.server)) {
        plane.serve({"shop.example"});
    }

    [[nodiscard]] std::size_t count() const {
        return plane.snapshot->services.at("r")->first->members.at(0).state->connections();
    }
    [[nodiscard]] Peer connect() const { return plane.connect(wire_.client_in_tls ? 1 : 0); }
    /// All has been given back.
    [[nodiscard]] bool comes_to_rest() const {
        return eventually([&] { return plane.idle() && count() == 0; });
    }

 private:
    static PlaneBuilder to_server(std::uint16_t port, model::ServerTls tls) {
        PlaneBuilder builder;
        builder.router("r", "HostSNI(`*`)", {port}, plain());
        builder.entry_point("ended").router("shop", "HostSNI(`shop.example`)", {port});
        builder.configuration.routers.at("shop").service.value = "r";
        model::Service& service = builder.configuration.services.at("r");
        service.strategy = model::Strategy::least_conn;
        service.servers.front().tls = tls;
        service.termination_delay = milliseconds(100);
        // No dial ends by its time.
        builder.limits.dial_timeout = builder.limits.dial_timeout_total = std::chrono::minutes(1);
        builder.upstream[""] = policy_for("db.internal");
        return builder;
    }

    const Wire wire_;

 public:
    Plane plane;
};

/// A client in the clear or in TLS.
class CountedClient {
 public:
    explicit CountedClient(const CountedPlane& of, bool in_tls) : plain_(of.connect()) {
        if (in_tls) tls_ = std::make_unique<TlsPeer>(std::move(plain_), TlsOptions());
        if (tls_) REQUIRE(tls_->handshake());
    }
    void send(std::string_view bytes) { tls_ ? tls_->send(bytes) : plain_.send(bytes); }
    std::string receive(std::size_t count) {
        return tls_ ? tls_->receive(count) : plain_.receive(count);
    }
    std::string receive_all() { return tls_ ? tls_->receive_all() : plain_.receive_all(); }
    void finish_sending() {
        if (tls_) tls_->close_notify();
        if (!tls_) plain_.finish_sending();
    }
    void reset() { tls_ ? tls_->socket().reset() : plain_.reset(); }

 private:
    Peer plain_;
    std::unique_ptr<TlsPeer> tls_;
};

/// Does what each byte says: "q" ends, "r" breaks off, "h" says nothing more until `released`;
/// others come back.
class Obedient {
 public:
    explicit Obedient(model::ServerTls tls)
        : backend_(
              tls == model::ServerTls::none
                  ? Backend::Handler([this](Peer peer) { serve(peer); })
                  : in_tls("db.internal", [this](SSL* ssl, Peer& peer) { serve(ssl, peer); })) {}
    ~Obedient() { release_.set_value(); }
    [[nodiscard]] std::uint16_t port() const { return backend_.port(); }

 private:
    void serve(Peer& peer) const {
        for (std::string byte; !(byte = peer.receive(1)).empty() && byte != "q"; peer.send(byte)) {
            if (byte == "r") return peer.reset();
            if (byte == "h") return released_.wait();
        }
    }
    void serve(SSL* ssl, Peer& peer) const {
        for (char byte = 0; SSL_read(ssl, &byte, 1) == 1 && byte != 'q'; SSL_write(ssl, &byte, 1)) {
            if (byte == 'r') return peer.reset();
            if (byte == 'h') return released_.wait();
        }
        SSL_shutdown(ssl);
    }

    std::promise<void> release_;
    const std::shared_future<void> released_ = release_.get_future().share();
    Backend backend_;
};

}  // namespace

TEST_CASE("server count: however an established connection ends", "[count]") {
    const Wire wire = wires[GENERATE(0, 1, 2, 3)];
    INFO("client in TLS: " << wire.client_in_tls << ", server: " << static_cast<int>(wire.server));
    auto server = std::make_unique<Obedient>(wire.server);
    CountedPlane counted(server->port(), wire);
    {
        CountedClient client(counted, wire.client_in_tls);
        client.send("x");
        REQUIRE(client.receive(1) == "x");
        CHECK(counted.count() == 1);

        SECTION("the client ends") {
            client.finish_sending();
            client.receive_all();
        }
        SECTION("the client breaks off") {
            client.reset();
        }
        SECTION("the server ends") {
            client.send("q");
            client.receive_all();
            client.finish_sending();
        }
        SECTION("the server breaks off") {
            client.send("r");
            client.receive_all();
        }
        SECTION("the client has ended, the server has not for the termination delay") {
            client.send("h");
            client.finish_sending();
            client.receive_all();
        }
        SECTION("the server has ended, the client has not for the termination delay") {
            client.send("q");
            client.receive_all();
        }
        SECTION("mesh goes down") {
            // Shared: the worker may still be inside set_value when this thread goes on.
            const auto cut = std::make_shared<std::promise<std::size_t>>();
            counted.plane.plane->wind_down(milliseconds(50),
                                           [cut](std::size_t count) { cut->set_value(count); });
            CHECK(cut->get_future().get() == 1);
        }
        CHECK(counted.comes_to_rest());
    }
    server.reset();
}

TEST_CASE("server count: a dial that fails", "[count]") {
    const Wire wire = wires[GENERATE(0, 1, 2, 3)];
    CountedPlane counted(closed_port(), wire);
    CountedClient client(counted, wire.client_in_tls);
    CHECK(client.receive_all().empty());
    CHECK(counted.comes_to_rest());
    CHECK(counted.plane.plane->counters().dials_failed == 1);
}

TEST_CASE("server count: a server that is not who it should be", "[count]") {
    const Wire wire = wires[GENERATE(2, 3)];
    Backend other(tls_echo("other.internal"));
    CountedPlane counted(other.port(), wire);
    CountedClient client(counted, wire.client_in_tls);
    CHECK(client.receive_all().empty());
    CHECK(counted.comes_to_rest());
    CHECK(counted.plane.plane->counters().dials_failed == 1);
}

TEST_CASE("server count: a client that leaves while the server is dialled", "[count]") {
    const Wire wire = wires[GENERATE(0, 1, 2, 3)];
    const BlackHole hole;
    Backend silent([](Peer peer) { peer.receive_all(); });
    const bool accepts = wire.server != model::ServerTls::none;
    CountedPlane counted(accepts ? silent.port() : hole.port, wire);
    CountedClient client(counted, wire.client_in_tls);
    CHECK(eventually([&] { return counted.count() == 1; }));
    client.reset();
    CHECK(counted.comes_to_rest());
    CHECK(counted.plane.plane->counters().dials_failed == 0);
}

TEST_CASE("server count: a cancel request is no connection of a client", "[count]") {
    std::promise<void> release;
    const auto released = release.get_future().share();
    std::atomic<bool> called{false};
    Backend db([&called, released](Peer peer) {
        peer.receive(8);
        called = true;
        released.wait();
    });
    CountedPlane counted(db.port(), {true, model::ServerTls::postgres});
    Peer client = counted.connect();
    client.send(std::string("\0\0\0\x10\x04\xd2\x16\x2e\0\0\1\2\3\4\5\6", 16));
    CHECK(eventually([&] { return called.load(); }));
    CHECK(counted.count() == 0);
    release.set_value();
    CHECK(client.receive_all().empty());
    CHECK(counted.comes_to_rest());
}
