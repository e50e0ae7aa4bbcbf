// A running mesh takes another configuration: whole, or not at all.
#include "app/application.hpp"
#include "app/restart_needed.hpp"
#include "config/codes.hpp"
#include "config/problems.hpp"
#include "model/wanted.hpp"

#include <algorithm>
#include <set>

namespace mesh::app {
namespace {

/// So many errors of a refused file are logged and remembered; `mesh check` shows all.
constexpr std::size_t errors_told = 20;

void add_error(config::LoadResult& result, std::string_view code, const std::string& message) {
    config::Finding finding = config::finding_at(config::Severity::error, code, {}, message);
    finding.file = result.file;
    config::add_findings(result, {finding}, {});
}

/// A warning for the first server of each of these hosts.
void add_unresolved(LoadedConfiguration& loaded, std::set<std::string> hosts) {
    config::LoadResult& result = loaded.result;
    if (hosts.empty()) return;
    std::vector<config::Finding> findings;
    for (const auto& [name, service] : result.configuration->services)
        for (const model::Server& server : service.servers)
            if (hosts.erase(server.host) != 0)
                findings.push_back(config::finding_at(
                    config::Severity::warning,
                    config::codes::server_unresolved,
                    server.at,
                    "the host name " + server.host + " of a server has no address yet",
                    "it is skipped until a name server knows it; it is asked every 30 s"));
    config::add_findings(
        result, std::move(findings), loaded.files.valid_names(SystemClock().now()));
}

/// Servers written as names are asked for before the routes to them are there, for so long.
constexpr std::chrono::seconds names_patience{5};

std::string cannot_continue(std::size_t count) {
    return count == 1 ? "1 option needs a restart"
                      : std::to_string(count) + " options need a restart";
}

}  // namespace

void Application::request_reload() {
    loop_.post([this] { reload([](const ReloadOutcome&) {}); });
}

void Application::reload(Reload::Done done) {
    if (!draining_) supervisor_.reloading();
    reload_->request([this, done = std::move(done)](const ReloadOutcome& outcome) {
        if (!draining_) supervisor_.ready(what_is_served());
        done(outcome);
    });
}

/// What a reading uses, none of it the application's own: that may be gone before a disk answers.
struct Application::ReadingFrom {
    std::string path;
    model::Configuration running;  ///< what a restart is needed for
    bool has_store;
    std::shared_ptr<const proxy::Snapshot> snapshot;
    NameResolution::Ahead names;
};

Reload::Read Application::prepare_reading() const {
    return [from = std::make_shared<const ReadingFrom>(ReadingFrom{path_,
                                                                   restart_options(configuration_),
                                                                   store_ != nullptr,
                                                                   snapshot_,
                                                                   names_->ahead()})] {
        return read_configuration(*from);
    };
}

/// On the reload's thread.
FreshConfiguration Application::read_configuration(const ReadingFrom& from) {
    FreshConfiguration fresh{load_configuration(from.path), nullptr};
    config::LoadResult& result = fresh.loaded.result;
    if (!result.configuration) return fresh;
    auto changes = restart_needed(from.running, *result.configuration, from.has_store);
    if (!changes.empty()) {
        const std::size_t count = changes.size();
        for (config::Finding& change : changes)
            if (change.file.empty()) change.file = result.file;
        config::add_findings(result, std::move(changes), {});
        result.summary = result.file + ": not applied: " + cannot_continue(count);
        return fresh;
    }
    auto snapshot = proxy::make_snapshot(
        *result.configuration, fresh.loaded.files.client_ca_pem, from.snapshot.get());
    if (!snapshot) {
        add_error(result, config::codes::bad_value, snapshot.error().message);
        return fresh;
    }
    fresh.snapshot = std::move(*snapshot);
    const auto unknown = from.names.resolve(host_names(*result.configuration), names_patience);
    add_unresolved(fresh.loaded, unknown);
    return fresh;
}

ReloadOutcome Application::apply(FreshConfiguration fresh) {
    config::LoadResult& result = fresh.loaded.result;
    if (draining_ && result.configuration)
        add_error(result, config::codes::needs_restart, "mesh is stopping");
    if (!result.configuration) return refuse(std::move(result));
    fresh.loaded.files.keep_ids(files_, next_file_id_);
    if (const Status switched = switch_to(fresh); !switched) {
        add_error(result, config::codes::bad_value, switched.error().message);
        return refuse(std::move(result));
    }
    configuration_ = std::move(*result.configuration);
    files_ = std::move(fresh.loaded.files);
    snapshot_ = std::move(fresh.snapshot);
    sha256_ = std::move(fresh.loaded.sha256);
    applied_ = clock_.now();
    refused_.reset();
    if (const Status resolving = names_->set_hosts(host_names(configuration_)); !resolving)
        log_.error("names_unresolved",
                   "servers written as host names keep the addresses they have",
                   {{"reason", resolving.error().message}});
    want_certificates();
    watch_expiry();
    log_.info("reload_applied",
              "another configuration is in force; connections and orders go on",
              {{"file", path_},
               {"sha256", sha256_},
               {"routers", std::uint64_t{configuration_.routers.size()}},
               {"warnings", std::uint64_t{result.warnings}}});
    return {true, std::move(result.findings), std::move(result.summary)};
}

/// The data path, in an order that leaves no moment without a certificate: what comes is there
/// before the routes that want it, what goes stays until they are gone.
Status Application::switch_to(const FreshConfiguration& fresh) {
    const TlsFiles& files = fresh.loaded.files;
    std::set<certs::CertificateId> known;
    for (const FileCertificate& file : files_.certificates) known.insert(file.entry->id);
    std::set<certs::CertificateId> kept;
    for (const FileCertificate& file : files.certificates) {
        kept.insert(file.entry->id);
        if (!known.contains(file.entry->id))
            data_plane_->put_certificate(file.entry, file.credential);
    }
    try {
        data_plane_->apply(fresh.snapshot);
    } catch (const std::exception& error) {
        // Nothing was posted to any worker: the contexts of all are made first.
        for (const certs::CertificateId id : kept)
            if (!known.contains(id)) data_plane_->remove_certificate(id);
        return Error{Errc::tls, Origin::config, error.what()};
    }
    credentials_->set_files(files.certificates);
    // The leaf may be the same and the chain another.
    for (const FileCertificate& file : files.certificates)
        if (known.contains(file.entry->id))
            data_plane_->put_certificate(file.entry, file.credential);
    for (const certs::CertificateId id : known)
        if (!kept.contains(id)) data_plane_->remove_certificate(id);
    if (files.default_credential)
        data_plane_->set_default_credential(files.default_credential);
    else if (files_.default_credential)
        make_default_credential();
    return {};
}

ReloadOutcome Application::refuse(config::LoadResult result) {
    RefusedReload refused{clock_.now(), result.summary, {}};
    for (const config::Finding& finding : result.findings) {
        if (finding.severity != config::Severity::error) continue;
        if (refused.errors.size() == errors_told) break;
        config::Finding line = finding;
        line.excerpt.clear();
        refused.errors.push_back(config::render(line));
    }
    log_.error("reload_refused",
               "the configuration is not applied; what ran before goes on",
               {{"file", path_},
                {"errors", std::uint64_t{result.errors}},
                {"summary", result.summary},
                {"first", refused.errors.empty() ? std::string{} : refused.errors.front()}});
    for (const std::string& error : refused.errors)
        log_.error("reload_finding", error, {{"file", path_}});
    refused_ = std::move(refused);
    return {false, std::move(result.findings), std::move(result.summary)};
}

ProcessStatus Application::status() const {
    ProcessStatus status;
    status.now = clock_.now();
    status.started = started_;
    status.draining = draining_;
    status.configuration = path_;
    status.sha256 = sha256_;
    status.applied = applied_;
    status.refused = refused_;
    if (store_) {
        status.storage = configuration_.storage;
        status.storage_writable = store_->writable();
    }
    const proxy::Counters counters = data_plane_->counters();
    status.connections = counters.open;
    status.accepted = counters.accepted;
    status.handshakes = counters.handshakes;
    status.file_certificates = files_.certificates;
    return status;
}

control::Reconciler* Application::reconciler() {
    return orders_ && !draining_ ? reconciler_.get() : nullptr;
}

}  // namespace mesh::app
