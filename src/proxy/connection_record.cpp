#include "proxy/connection_record.hpp"

#include <algorithm>
#include <vector>

namespace mesh::proxy {
namespace {

std::int64_t milliseconds_between(SteadyTime from, SteadyTime to) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count();
}

/// The fields of a line; one that has nothing to say is left out.
class Line {
 public:
    Line() { fields_.reserve(fields_max); }
    void add(std::string_view key, std::string_view value) {
        if (!value.empty()) fields_.emplace_back(key, value);
    }
    void add(std::string_view key, std::uint64_t value) { fields_.emplace_back(key, value); }
    void add(std::string_view key, bool value) { fields_.emplace_back(key, value); }
    /// How long a phase took that began then. Sets the beginning of the next one.
    void add_phase(std::string_view key, SteadyTime& begun, const std::optional<SteadyTime>& over) {
        if (!over) return;
        fields_.emplace_back(key, milliseconds_between(begun, *over));
        begun = *over;
    }
    [[nodiscard]] const std::vector<LogField>& fields() const { return fields_; }

 private:
    static constexpr std::size_t fields_max = 27;
    std::vector<LogField> fields_;
};

ConnectionRecord::Secured agreed_on(const tls::Session& session) {
    return {session.version(), session.cipher(), session.group(), session.resumed()};
}

}  // namespace

void ConnectionRecord::note_hello(const ClientHello& hello) {
    if (hello.server_name) server_name = hello.server_name->text();
    alpn.clear();
    for (const std::string& protocol : hello.alpn) {
        if (alpn.size() + 1 + protocol.size() > alpn_text_max) break;
        if (!alpn.empty()) alpn += ',';
        alpn += protocol;
    }
}

void ConnectionRecord::note_server(const Service& of,
                                   const model::Server& reached,
                                   const tls::Session* session) {
    service = &of;
    server = reached.text();
    if (session != nullptr) server_secured = std::make_unique<Secured>(agreed_on(*session));
}

void ConnectionRecord::note_secured(const tls::Session& session, SteadyTime now) {
    secured = agreed_on(session);
    alpn = session.alpn();
    secured_at = now;
}

void ConnectionRecord::write_to(const ConnectionLog& to, SteadyTime now) const {
    if (to.log == nullptr || now - accepted_at < to.min_duration) return;
    const std::string client_text = client.text();
    const std::string peer_text = peer.text();
    Line line;
    line.add("client", client_text);
    if (peer_text != client_text) line.add("peer", peer_text);
    if (entry_point) line.add("entry_point", entry_point->name());
    line.add("sni", server_name);
    line.add("alpn", alpn);
    if (route) {
        line.add("router", route->router);
        if (service == nullptr && route->service) line.add("service", route->service->name);
        if (service != nullptr) line.add("service", service->name);
    }
    line.add("server", server);
    if (secured) {
        line.add("tls", secured->version);
        line.add("cipher", secured->cipher);
        line.add("group", secured->group);
        line.add("resumed", secured->resumed);
    }
    if (server_secured) {
        line.add("server_tls", server_secured->version);
        line.add("server_cipher", server_secured->cipher);
        line.add("server_group", server_secured->group);
    }
    line.add("bytes_up", bytes_up);
    line.add("bytes_down", bytes_down);
    SteadyTime begun = accepted_at;
    line.add_phase("route_ms", begun, routed_at);
    line.add_phase("handshake_ms", begun, secured_at);
    line.add_phase("dial_ms", begun, connected_at);
    if (connected_at) line.add_phase("relay_ms", begun, now);
    begun = accepted_at;
    line.add_phase("total_ms", begun, now);
    line.add("cause", to_string(cause));
    line.add("reason", reason);
    to.log->write(LogLevel::info, "connection", {}, line.fields());
}

}  // namespace mesh::proxy
