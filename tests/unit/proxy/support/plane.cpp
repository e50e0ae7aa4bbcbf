#include "support/plane.hpp"

#include "support/catch.hpp"

#include <future>
#include <stdexcept>

namespace mesh::test {

void RecordingLog::write(LogLevel level,
                         std::string_view event,
                         std::string_view message,
                         std::initializer_list<LogField> fields) {
    if (!enabled_) return;
    std::string line = std::string(to_string(level)) + " " + std::string(event) + " ";
    line += message;
    for (const LogField& field : fields) {
        line += " " + std::string(field.key) + "=" + std::string(field.value);
    }
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
}

std::size_t RecordingLog::count(std::vector<std::string> texts) const {
    const std::lock_guard lock(mutex_);
    std::size_t found = 0;
    for (const std::string& line : lines_) {
        bool all = true;
        for (const std::string& text : texts) all = all && line.find(text) != std::string::npos;
        found += all ? 1 : 0;
    }
    return found;
}

std::string RecordingLog::all() const {
    const std::lock_guard lock(mutex_);
    std::string out;
    for (const std::string& line : lines_) out += line + "\n";
    return out;
}

PlaneBuilder::PlaneBuilder() {
    configuration.tls_options["default"].name = "default";
    model::CertResolver resolver;
    resolver.name = "ca";
    resolver.ca_server = "https://ca.test/dir";
    configuration.resolvers["ca"] = resolver;
    entry_point("a");
}

PlaneBuilder& PlaneBuilder::entry_point(const std::string& name) {
    entry_point_ = name;
    model::EntryPoint entry;
    entry.name = name;
    entry.address = {"127.0.0.1", 0};
    configuration.entry_points[name] = entry;
    return *this;
}

PlaneBuilder& PlaneBuilder::router(const std::string& name,
                                   const std::string& rule,
                                   const std::vector<std::uint16_t>& ports,
                                   const RouterOptions& options) {
    auto parsed = rules::Rule::parse(rule);
    if (!parsed) throw std::runtime_error(rule);
    model::Router router{name, "file", {entry_point_}, *parsed, {}, {name, {}}, {}, {}};
    if (options.tls) {
        model::RouterTls tls;
        tls.passthrough = options.passthrough;
        tls.options = model::Located<std::string>{options.options, {}};
        if (!options.resolver.empty()) {
            tls.cert_resolver = model::Located<std::string>{options.resolver, {}};
        }
        router.tls = tls;
    }
    configuration.routers.insert_or_assign(name, router);
    std::vector<model::Server> list;
    for (const std::uint16_t port : ports) list.push_back({"127.0.0.1", port, {}});
    return servers(name, std::move(list));
}

PlaneBuilder& PlaneBuilder::servers(const std::string& name, std::vector<model::Server> list) {
    configuration.services[name] = {name, std::move(list), {}};
    return *this;
}

model::TlsOptions& PlaneBuilder::options(const std::string& name) {
    model::TlsOptions& options = configuration.tls_options[name];
    options.name = name;
    return options;
}

Plane::Plane(PlaneBuilder builder, bool start) {
    auto made = proxy::make_snapshot(
        builder.configuration, builder.client_ca_pem, nullptr, builder.upstream);
    if (!made) throw std::runtime_error(made.error().message);
    snapshot = *made;

    proxy::DataPlaneSettings settings;
    settings.workers = builder.workers;
    settings.limits = builder.limits;
    settings.clock = &clock;
    for (unsigned i = 0; i < builder.workers; ++i) {
        settings.worker_logs.push_back(&logs.emplace_back());
    }
    settings.load_credential = builder.load_credential;
    settings.on_missing_certificate = [this](const Hostname& name) {
        const std::lock_guard lock(missing_mutex);
        missing.push_back(name.text());
    };
    plane = std::make_unique<proxy::DataPlane>(std::move(settings));
    const auto failures = plane->listen(snapshot);
    if (!failures.empty()) throw std::runtime_error(failures.front().message);
    if (start) plane->start();
}

Plane::~Plane() {
    plane->stop();
}

std::uint16_t Plane::port(std::size_t entry_point) const {
    return plane->bound_addresses().at(entry_point).port;
}

namespace {

std::shared_ptr<certs::CertificateEntry> entry_for(const std::vector<std::string>& names,
                                                   const std::string& directory,
                                                   certs::CertificateId id) {
    static std::atomic<certs::VersionId> next_version{1};
    auto entry = std::make_shared<certs::CertificateEntry>();
    entry->version = next_version++;
    entry->id = id != 0 ? id : 1'000'000 + entry->version;
    for (const std::string& name : names) entry->names.push_back(*HostPattern::parse(name));
    entry->directory = directory;
    entry->not_before = tls::test::wall_now() - std::chrono::hours(1);
    entry->not_after = tls::test::wall_now() + std::chrono::hours(24);
    return entry;
}

}  // namespace

certs::EntryPtr Plane::serve(const std::vector<std::string>& names,
                             const std::string& directory,
                             certs::CertificateId id) {
    tls::test::LeafOptions leaf;
    leaf.names = names;
    auto entry = entry_for(names, directory, id);
    plane->put_certificate(entry, world.credential(leaf));
    settle();
    return entry;
}

certs::EntryPtr Plane::announce(const std::vector<std::string>& names, certs::CertificateId id) {
    auto entry = entry_for(names, "", id);
    plane->put_certificate(entry, nullptr);
    settle();
    return entry;
}

void Plane::put_challenge(const std::string& name, const std::string& key_authorization) {
    const Hostname host = *Hostname::parse(name);
    // Shared: the worker may still be inside set_value when this thread goes on.
    const auto done = std::make_shared<std::promise<void>>();
    plane->put_challenge(
        host,
        *tls::make_challenge_credential(host, key_authorization, tls::test::wall_now()),
        [done] { done->set_value(); });
    done->get_future().wait();
}

void Plane::apply(const PlaneBuilder& builder) {
    auto made = proxy::make_snapshot(
        builder.configuration, builder.client_ca_pem, snapshot, builder.upstream);
    if (!made) throw std::runtime_error(made.error().message);
    snapshot = *made;
    const auto failures = plane->apply(snapshot);
    if (!failures.empty()) throw std::runtime_error(failures.front().message);
    settle();
}

void Plane::settle() {
    // A challenge for a name nobody asks for: its completion is told when all workers have it.
    const Hostname nobody = *Hostname::parse("settle.invalid");
    // Shared: the worker may still be inside set_value when this thread goes on.
    const auto done = std::make_shared<std::promise<void>>();
    plane->put_challenge(nobody, nullptr, [done] { done->set_value(); });
    done->get_future().wait();
    plane->remove_challenge(nobody);
}

std::size_t Plane::logged(const std::vector<std::string>& texts) const {
    std::size_t found = 0;
    for (const RecordingLog& log : logs) found += log.count(texts);
    return found;
}

std::string Plane::log_text() const {
    std::string out;
    for (const RecordingLog& log : logs) out += log.all();
    return out;
}

}  // namespace mesh::test
