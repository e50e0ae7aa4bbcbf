#include "proxy/worker.hpp"

#include "base/nearest.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <exception>
#include <limits>

namespace mesh::proxy {

namespace {

constexpr std::chrono::milliseconds sweep_interval{250};
/// Of the connections accepted in a turn.
constexpr std::size_t read_at_once_max = 256;
/// Names looked at for "nearest": enough to help people, few enough for a thread with other work.
constexpr std::size_t nearest_names_max = 1000;

std::optional<std::string> nearest_name(const EntryPointRoutes& routes, const Hostname& name) {
    std::vector<std::string> names;
    for (const RoutePtr& route : routes.tls_routes) {
        for (const std::string& candidate : route->names) {
            if (names.size() >= nearest_names_max) break;
            names.push_back(candidate);
        }
    }
    return nearest(name.text(), names);
}

}  // namespace

Worker::Worker(WorkerSettings settings)
    : settings_(std::move(settings)),
      view_(std::make_shared<RoutingView>()),
      certificates_(
          [this](certs::EntryPtr entry) { settings_.request_load(*this, std::move(entry)); },
          settings_.limits.certificate_cache_bytes,
          *settings_.clock),
      relays_(loop_, *this, settings_.limits.termination_delay, settings_.pipes_max) {}

Worker::~Worker() {
    end_all();
}

void Worker::run() {
    loop_.run(*this);
    listeners_.clear();
    end_all();
}

/// Leaves no connection and no coroutine behind.
std::size_t Worker::end_all() {
    std::size_t count = connections_.size();
    // A cancelled coroutine runs to its end at once; only then does the io_context let go of it.
    for (const auto& connection : connections_) connection->cancel();
    context_.poll();
    count += relays_.cut_all();
    return count;
}

void Worker::listen(ListenerChange::Opened opened) {
    Listener::Sink& sink = *this;
    const LifetimePtr entry_point = opened.entry_point;
    try {
        const auto [added, is_new] =
            listeners_.emplace(opened.id,
                               std::make_unique<Listener>(loop_,
                                                          *settings_.admission,
                                                          sink,
                                                          std::move(opened.entry_point),
                                                          std::move(opened.socket),
                                                          settings_.limits.backlog,
                                                          settings_.limits.accept_pause));
        if (holds_) added->second->hold();
    } catch (const std::exception& error) {
        // The other workers listen there too, unless they fail as well; what is served goes on.
        log().error("listener_failed",
                    "a worker does not listen to an entry point",
                    {{"entry_point", entry_point->name()}, {"reason", error.what()}});
    }
}

void Worker::follow(ListenerChange listeners, std::shared_ptr<const RoutingView> view) {
    if (!drain_)
        for (ListenerChange::Opened& opened : listeners.opened) listen(std::move(opened));
    for (const ListenerChange::Closed& closed : listeners.closed) {
        const auto found = listeners_.find(closed.id);
        if (found == listeners_.end()) continue;
        found->second->close();
        listeners_.erase(found);
    }
    for (auto& [id, entry_point] : listeners.moved)
        if (const auto found = listeners_.find(id); found != listeners_.end())
            found->second->serve(std::move(entry_point));
    set_view(std::move(view));
}

void Worker::hold() {
    holds_ = true;
    for (const auto& [id, listener] : listeners_) listener->hold();
}

void Worker::accept() {
    holds_ = false;
    for (const auto& [id, listener] : listeners_) listener->accept();
}

Result<std::vector<std::pair<ListenerId, FileDescriptor>>> Worker::listening() const {
    std::vector<std::pair<ListenerId, FileDescriptor>> sockets;
    for (const auto& [id, listener] : listeners_) {
        sockets.emplace_back(id, listener->duplicate());
        if (!sockets.back().second)
            return Error{
                Errc::limit, mesh::Origin::internal, std::generic_category().message(errno)};
    }
    return sockets;
}

void Worker::set_view(std::shared_ptr<const RoutingView> view) {
    for (const auto& [entry_point, routes] : view_->entry_points)
        if (!view->entry_points.contains(entry_point) && is_awaiting_route(*entry_point))
            past_views_.emplace(entry_point, view_);
    settings_.dispose(std::exchange(view_, std::move(view)));
    relays_.expect_idle();
}

bool Worker::is_awaiting_route(const Lifetime& entry_point) const {
    return std::any_of(connections_.begin(), connections_.end(), [&](const auto& connection) {
        return &connection->entry_point() == &entry_point;
    });
}

const RoutingView& Worker::view_for(const Lifetime& entry_point) const {
    if (past_views_.empty()) return *view_;
    const auto found = past_views_.find(&entry_point);
    return found != past_views_.end() ? *found->second : *view_;
}

const EntryPointRoutes& Worker::routes(const Lifetime& entry_point) const {
    static const EntryPointRoutes no_routes{};
    const auto& entry_points = view_for(entry_point).entry_points;
    const auto found = entry_points.find(&entry_point);
    return found != entry_points.end() ? *found->second : no_routes;
}

void Worker::expect_end(SteadyTime at) {
    relays_.expect_end(at);
    relays_.end_removed();
}

void Worker::put_certificate(certs::EntryPtr entry, certs::CredentialPtr credential) {
    const certs::CertificateId id = entry->id;
    certificates_.put(std::move(entry), std::move(credential));
    wake_awaiting(id);
}

void Worker::remove_certificate(certs::CertificateId id) {
    certificates_.remove(id);
    wake_awaiting(id);
}

void Worker::certificate_loaded(const certs::CertificateEntry& entry,
                                const Result<certs::CredentialPtr>& credential) {
    if (credential) {
        certificates_.loaded(entry.id, entry.version, *credential);
    } else {
        certificates_.load_failed(entry.id, entry.version, credential.error().code);
    }
    wake_awaiting(entry.id);
}

void Worker::set_default_credential(certs::CredentialPtr credential) {
    default_credential_ = std::move(credential);
}

void Worker::set_addresses(const std::string& host, std::vector<SocketAddress> addresses) {
    if (addresses.empty())
        addresses_.erase(host);
    else
        addresses_[host] = std::move(addresses);
}

void Worker::set_pool(const std::shared_ptr<const Service>& service, PoolPtr pool) {
    pools_.set(service, std::move(pool));
}

std::vector<SocketAddress> Worker::addresses_of(const model::Server& server) const {
    if (const auto literal = SocketAddress::parse(server.host, server.port)) return {*literal};
    const auto found = addresses_.find(server.host);
    if (found == addresses_.end()) return {};
    std::vector<SocketAddress> addresses = found->second;
    for (SocketAddress& address : addresses) address.set_port(server.port);
    return addresses;
}

std::shared_ptr<const tls::Policy> Worker::policy_of(const Lifetime& entry_point,
                                                     const Route& route) const {
    const auto& policies = view_for(entry_point).policies;
    const auto found = policies.find(route.policy.get());
    return found != policies.end() ? found->second : nullptr;
}

void Worker::await_certificate(certs::CertificateId id, Connection& connection) {
    if (connection.awaited_ == id) return;
    forget_awaited(connection);
    connection.awaited_ = id;
    awaiting_[id].push_back(&connection);
}

void Worker::forget_awaited(Connection& connection) {
    if (!connection.awaited_) return;
    const auto found = awaiting_.find(*connection.awaited_);
    connection.awaited_.reset();
    if (found == awaiting_.end()) return;
    std::erase(found->second, &connection);
    if (found->second.empty()) awaiting_.erase(found);
}

void Worker::wake_awaiting(certs::CertificateId id) {
    auto node = awaiting_.extract(id);
    if (node.empty()) return;
    for (Connection* const connection : node.mapped()) connection->awaited_.reset();
    for (Connection* const connection : node.mapped()) connection->wake();
}

void Worker::on_accepted(const LifetimePtr& entry_point,
                         FileDescriptor socket,
                         const SocketAddress& peer,
                         Admission::ConnectionSlot connection_slot,
                         Admission::HandshakeSlot handshake_slot) {
    // A proxy speaks for many: each of its connections counts for its client, once that is known.
    const bool is_proxy = routes(*entry_point).believes_header_of(peer);
    if (!is_proxy && !count_source(handshake_slot, peer)) return;
    counters_.accepted.add();
    DescriptorPtr client = loop_.watch(std::move(socket), nullptr);
    if (!client) return;
    // Where a whole backlog is accepted, the others get their turn in between.
    if (++accepted_this_turn_ <= read_at_once_max) client->assume_ready();
    start(std::make_unique<Connection>(*this,
                                       entry_point,
                                       std::move(client),
                                       peer,
                                       std::move(connection_slot),
                                       std::move(handshake_slot)));
}

bool Worker::count_source(Admission::HandshakeSlot& slot, const SocketAddress& client) {
    const SourcePrefix source(client);
    if (settings_.admission->count_source(slot, source)) return true;
    counters_.crowded_out.add();
    note_crowded(source);
    return false;
}

bool Worker::count_client(const Lifetime& entry_point,
                          const SocketAddress& client,
                          Places& places) {
    const EntryPointRoutes& own = routes(entry_point);
    if (!own.limits.max_connections_per_ip || !own.clients) return true;
    const SourcePrefix source(client);
    auto place = own.clients->enter(source.ip(), *own.limits.max_connections_per_ip);
    if (!place) {
        note_full(entry_point, source);
        return false;
    }
    places.push_back(std::move(*place));
    return true;
}

EntryPointShare Worker::share_of(const Lifetime& entry_point) const {
    const EntryPointRoutes& own = routes(entry_point);
    constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();
    return {own.usage,
            own.limits.max_connections.value_or(no_limit),
            own.limits.max_handshakes.value_or(no_limit)};
}

void Worker::start(std::unique_ptr<Connection> connection) {
    connections_.push_front(std::move(connection));
    Connection& started = *connections_.front();
    started.place_ = connections_.begin();
    net::co_spawn(context_, started.run(), [this, &started](const std::exception_ptr& failure) {
        ended(started, failure);
    });
}

void Worker::ended(Connection& connection, const std::exception_ptr& failure) {
    if (failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& error) {
            log().error("", "connection failed inside the proxy", {{"reason", error.what()}});
            connection.log_end(Cause::proxy, "failed inside the proxy");
        }
    }
    connection.tell_end();
    connections_.erase(connection.place_);
}

void Worker::on_accept_paused(const Lifetime& entry_point, std::string_view why) {
    if (!pause_lines_.allow(loop_.now())) return;
    log().warn("",
               "not accepting connections for a moment",
               {{"entry_point", entry_point.name()}, {"reason", why}});
}

void Worker::on_bytes_moved(std::uint64_t up, std::uint64_t down) {
    counters_.bytes_up.add(up);
    counters_.bytes_down.add(down);
}

void Worker::on_relay_ended(const Relay& relay,
                            RelayEnd end,
                            Cause cause,
                            const BrokenTls& broken) {
    counters_.ended[static_cast<std::size_t>(cause)].add();
    if (ConnectionRecord* const record = relay.record()) {
        record->bytes_up = relay.bytes_up();
        record->bytes_down = relay.bytes_down();
        record->cause = cause;
        record->reason = to_string(end);
        if (!broken.reason().empty()) record->reason.append(": ").append(broken.reason());
        record->write_to(connection_log_, loop_.now());
    }
    if (broken.server != nullptr) note_broken_tls(relay, broken);
    if (!log().enabled(LogLevel::debug)) return;
    log().debug("",
                "connection ended",
                {{"router", relay.route().router},
                 {"how", to_string(end)},
                 {"bytes_up", relay.bytes_up()},
                 {"bytes_down", relay.bytes_down()},
                 {"reason", broken.reason().empty() ? "-" : broken.reason()}});
}

/// What a server has said, or left unsaid, after the handshake. A lost connection is no matter of
/// TLS.
void Worker::note_broken_tls(const Relay& relay, const BrokenTls& broken) {
    const auto& [service, server] = *broken.server;
    const std::string key = service + ' ' + server;
    const bool is_told = !broken.reason().empty() && broken.session->failure().code != Errc::io;
    if (is_told && broken_tls_.allow(key, loop_.now()))
        log().warn("",
                   broken.is_refusal ? "a server refused a connection after the TLS handshake"
                                     : "a server broke TLS off",
                   {{"service", service}, {"server", server}, {"reason", broken.reason()}});
    ServerState* const state = relay.server_state();
    if (!broken.is_refusal || state == nullptr || !state->refused(loop_.now())) return;
    // A check that holds it down has told its own story.
    if (state->standing(loop_.now()) != ServerState::Standing::down)
        state->story.tell(loop_.now(), broken.reason());
    if (refusing_servers_.allow(key, loop_.now())) note_ejected(service, server, broken.reason());
}

void Worker::note_unrouted(const Lifetime& entry_point, const ClientHello& hello) {
    const std::string_view name =
        hello.server_name ? std::string_view(hello.server_name->text()) : "-";
    if (!unrouted_names_.allow(name, loop_.now())) return;
    const auto near =
        hello.server_name ? nearest_name(routes(entry_point), *hello.server_name) : std::nullopt;
    log().info("",
               "no router matches the server name",
               {{"entry_point", entry_point.name()},
                {"server_name", name},
                {"nearest", near.value_or("-")}});
}

void Worker::note_missing_certificate(const Hostname& name, const Route& route) {
    if (!missing_names_.allow(name.text(), loop_.now())) return;
    log().info(
        "",
        "refused a client: the name has no certificate yet",
        {{"server_name", name.text()}, {"router", route.router}, {"directory", route.directory}});
    if (settings_.on_missing_certificate) settings_.on_missing_certificate(name);
}

void Worker::note_crowded(const SourcePrefix& source) {
    const std::string text = source.text();
    if (!crowded_sources_.allow(text, loop_.now())) return;
    log().warn("",
               "dropping connections: too many handshakes pending from one source",
               {{"source", text}});
}

void Worker::note_full(const Lifetime& entry_point, const SourcePrefix& source) {
    const std::string text = source.text();
    if (!full_sources_.allow(entry_point.name() + ' ' + text, loop_.now())) return;
    log().warn("",
               "dropping connections: one source has as many open as it may",
               {{"entry_point", entry_point.name()}, {"source", text}});
}

void Worker::note_refused(const Route& route, const Middleware& by, const SocketAddress& client) {
    SocketAddress address = client;
    address.set_port(0);  // each connection has another one
    const std::string who = route.router + ' ' + by.name + ' ' + address.text();
    if (!refused_clients_.allow(who, loop_.now())) return;
    log().info("client_refused",
               "client refused by a middleware",
               {{"client", client.text()}, {"router", route.router}, {"middleware", by.name}});
}

void Worker::note_without_tls(const model::Server& server, const StartTls& protocol) {
    if (!servers_without_tls_.allow(server.text(), loop_.now())) return;
    const std::string message =
        "backend " + server.text() + " has no TLS (" + std::string(protocol.refused_hint) + ")";
    log().warn("", message, {{"server", server.text()}, {"protocol", protocol.name}});
}

void Worker::note_odd_tls_answer(const model::Server& server, const StartTls& protocol) {
    if (!servers_without_tls_.allow(server.text(), loop_.now())) return;
    log().warn("",
               "server answers a request for TLS with something else than its protocol has",
               {{"server", server.text()}, {"protocol", protocol.name}});
}

void Worker::note_failed_handshake(const Service& service,
                                   const model::Server& server,
                                   const std::string& reason) {
    if (!failed_handshakes_.allow(service.name + ' ' + server.text(), loop_.now())) return;
    const tls::UpstreamPolicyPtr& policy = service.transport.tls;
    const std::string_view expected = policy ? policy->expected_name(server.host) : "-";
    log().warn("",
               "no TLS with a server",
               {{"service", service.name},
                {"server", server.text()},
                {"expected", expected},
                {"reason", reason}});
}

void Worker::note_unroutable_cancel(const Lifetime& entry_point, const StartTls& protocol) {
    if (!unroutable_cancels_.allow(entry_point.name(), loop_.now())) return;
    log().info("",
               "a cancel request was closed: the TLS routers here lead to several services, or "
               "let the client through to none",
               {{"entry_point", entry_point.name()}, {"protocol", protocol.name}});
}

void Worker::note_without_address(const model::Server& server) {
    if (!unresolved_servers_.allow(server.text(), loop_.now())) return;
    log().warn("backend_unresolved",
               "server is passed over: its name has no address yet",
               {{"server", server.text()}});
}

void Worker::note_ejected(std::string_view service,
                          std::string_view server,
                          std::string_view reason) {
    log().warn("backend_ejected",
               "server is left out while others can be reached; then one connection tries it",
               {{"service", service},
                {"server", server},
                {"failures", std::uint64_t{ServerState::failures_max}},
                {"reason", reason},
                {"seconds", std::int64_t{ServerState::time_out.count()}}});
}

void Worker::note_local_dial_failure(const model::Server& server, const std::string& reason) {
    if (!dial_lines_.allow(loop_.now())) return;
    log().error(
        "", "cannot open connections to servers", {{"server", server.text()}, {"reason", reason}});
}

bool Worker::end_of_turn() {
    accepted_this_turn_ = 0;
    relays_.run_again();
    sweep_if_due();
    for (const auto& [id, listener] : listeners_) listener->resume_if_due();
    context_.poll();
    finish_drain_if_due();
    return relays_.has_runnable();
}

SteadyTime Worker::wake_at() const {
    SteadyTime at = SteadyTime::max();
    if (!connections_.empty() || relays_.has_half_closed()) at = next_sweep_;
    if (!past_views_.empty()) at = next_sweep_;
    at = std::min({at, relays_.next_end(), relays_.next_idle_look(), relays_.next_settling()});
    for (const auto& [id, listener] : listeners_) at = std::min(at, listener->resume_at());
    return drain_ ? std::min(at, drain_->wake_at()) : at;
}

void Worker::sweep_if_due() {
    relays_.end_removed();
    relays_.end_idle();
    relays_.settle_newcomers();
    if (loop_.now() < next_sweep_) return;
    next_sweep_ = loop_.now() + sweep_interval;
    for (const auto& connection : connections_) connection->on_time(loop_.now());
    relays_.sweep();
    for (auto past = past_views_.begin(); past != past_views_.end();) {
        if (is_awaiting_route(*past->first)) {
            ++past;
            continue;
        }
        settings_.dispose(std::move(past->second));
        past = past_views_.erase(past);
    }
}

}  // namespace mesh::proxy
