#include "app/application.hpp"

#include "acme/client.hpp"
#include "app/process.hpp"
#include "app/run.hpp"
#include "app/version.hpp"
#include "base/duration.hpp"
#include "control/identity.hpp"

#include <algorithm>
#include <filesystem>
#include <random>
#include <system_error>

namespace mesh::app {
namespace {

constexpr std::chrono::milliseconds grace{30'000};
constexpr std::chrono::milliseconds store_retry = std::chrono::seconds{10};
constexpr std::chrono::milliseconds look_interval = std::chrono::hours{1};

LogLevel threshold(const model::Configuration& configuration) {
    return configuration.log.level;
}

unsigned worker_count(const model::Configuration& configuration) {
    return configuration.workers ? *configuration.workers : default_worker_count();
}

proxy::Limits limits_of_this_process() {
    proxy::Limits limits;
    const std::size_t descriptors = raise_descriptor_limit();
    // Two per connection, and a reserve for the store, the CA and the log.
    const std::size_t possible = descriptors > 66 ? (descriptors - 64) / 2 : 1;
    limits.connections_max = std::min(limits.connections_max, possible);
    return limits;
}

std::unique_ptr<acme::Client> make_acme_client(const model::CertResolver& resolver,
                                               http::Client& http,
                                               Executor& executor,
                                               const Clock& clock,
                                               Log& log) {
    acme::ClientSettings settings;
    settings.directory_url = resolver.ca_server;
    settings.trust = {resolver.ca_system_pool, resolver.ca_certificates};
    settings.request_timeout = resolver.client_timeout;
    return acme::make_client(std::move(settings), http, executor, clock, log);
}

/// The wall clock must not be before the day the source was written (a dead battery, 1970).
control::ReconcilerSettings reconciler_settings() {
    control::ReconcilerSettings settings;
    settings.build_time = source_time();
    settings.seed = std::random_device{}();
    return settings;
}

}  // namespace

Application::Application(const std::string& path,
                         LoadedConfiguration loaded,
                         std::optional<StandIn> stand_in,
                         observe::LogWriter& writer,
                         SupervisorSettings supervisor)
    : path_(std::filesystem::absolute(path)),
      sha256_(std::move(loaded.sha256)),
      texts_(std::move(loaded.texts)),
      draft_(std::move(loaded.result.draft)),
      configuration_(std::move(*loaded.result.configuration)),
      files_(std::move(loaded.files)),
      next_file_id_(-1 - static_cast<certs::CertificateId>(files_.certificates.size())),
      writer_(writer),
      own_log_(std::make_shared<OwnLog>(writer.add_ring(4096), threshold(configuration_))),
      log_(own_log_->log),
      supervisor_(std::move(supervisor), log_),
      started_(clock_.now()),
      applied_(stand_in ? stand_in->applied : started_),
      stand_in_(std::move(stand_in)) {
    note_isolated(loaded.result);
}

Application::~Application() {
    (void)end_reading();
    if (reconciler_) reconciler_->stop();
    if (data_plane_) data_plane_->stop();
}

bool Application::end_reading() {
    names_.reset();  // lets go a reading that waits for a name server
    return !reload_ || reload_->end();
}

std::optional<int> Application::start() {
    if (running_as_root())
        log_.warn("running_as_root",
                  "mesh runs as root; a user of its own with "
                  "CAP_NET_BIND_SERVICE is enough");
    if (const auto failed = open_store()) return failed;
    if (const auto failed = listen()) return failed;
    give_certificates();
    data_plane_->start();
    names_ = std::make_unique<NameResolution>(
        host_names(configuration_),
        [this](const std::string& host, auto literals) {
            data_plane_->set_addresses(host, std::move(literals));
        },
        resolve);
    open_control_socket();
    log_.info("ready",
              "listening",
              {{"version", version()},
               {"entry_points", std::uint64_t{configuration_.entry_points.size()}},
               {"routers", std::uint64_t{configuration_.routers.size()}},
               {"workers", std::uint64_t{worker_count(configuration_)}},
               {"stored_certificates", std::uint64_t{stored_.size()}}});
    report_ready();
    start_certificate_side();
    watch_expiry();
    begin_to_watch();
    begin_to_follow();
    find_kept_configuration();
    keep_configuration();
    remind_of_stand_in();
    return std::nullopt;
}

void Application::report_ready() {
    supervisor_.ready(what_is_served());
    if (!supervisor_.watchdog()) return;
    watchdog_ = std::make_unique<Watchdog>(
        loop_,
        *supervisor_.watchdog(),
        [this](std::function<void()> answered) {
            data_plane_->when_all_turned(std::move(answered));
        },
        [this] { supervisor_.alive(); });
}

/// Without a watcher everything works but what it would have told.
void Application::begin_to_watch() {
    try {
        watcher_ = std::make_unique<watch::FileWatcher>([this] { request_refresh(); }, log_);
    } catch (const std::system_error& error) {
        log_.warn("watch_limited",
                  "changes of files are not noticed; mesh reload takes them in",
                  {{"reason", error.what()}});
    }
    watch_files();
}

std::string Application::what_is_served() const {
    return "serving " + std::to_string(configuration_.routers.size()) + " routers on " +
           std::to_string(configuration_.entry_points.size()) + " entry points";
}

std::optional<int> Application::open_store() {
    if (configuration_.resolvers.empty()) return std::nullopt;
    auto opened = store::open(configuration_.storage, store::Access::own, log_);
    if (!opened) {
        log_.error("store_failed",
                   "the certificate store cannot be used",
                   {{"path", configuration_.storage}, {"error", opened.error().message}});
        return exit_code::store;
    }
    store_ = std::move(*opened);
    store_path_ = configuration_.storage;
    auto certificates = store_->certificates();
    if (!certificates) {
        log_.error("store_failed",
                   "the certificate store cannot be read",
                   {{"path", configuration_.storage}, {"error", certificates.error().message}});
        return exit_code::store;
    }
    stored_ = std::move(*certificates);
    return std::nullopt;
}

std::optional<int> Application::listen() {
    const auto snapshot = proxy::make_snapshot(configuration_, files_.client_ca_pem, nullptr);
    if (!snapshot) {
        log_.error("configuration_refused",
                   "the TLS library refuses a setting",
                   {{"error", snapshot.error().message}});
        return exit_code::configuration;
    }
    credentials_ = std::make_unique<CredentialSource>(
        store_.get(),
        files_.certificates,
        [this](const certs::CertificateEntry& lost) {
            loop_.post([this, id = lost.id, version = lost.version] {
                if (reconciler_) reconciler_->order_again(id, version);
            });
        },
        clock_,
        log_);

    proxy::DataPlaneSettings settings;
    settings.workers = worker_count(configuration_);
    settings.limits = limits_of_this_process();
    settings.clock = &clock_;
    for (unsigned i = 0; i < settings.workers; ++i) {
        worker_logs_.push_back(
            std::make_unique<RingLog>(writer_.add_ring(), clock_, threshold(configuration_)));
        settings.worker_logs.push_back(worker_logs_.back().get());
    }
    settings.load_credential = [this](const certs::CertificateEntry& entry) {
        return credentials_->load(entry);
    };
    data_plane_ = std::make_unique<proxy::DataPlane>(std::move(settings));

    snapshot_ = *snapshot;
    const auto failures = data_plane_->listen(snapshot_);
    for (const proxy::BindFailure& failure : failures)
        log_.error("bind_failed", failure.message, {{"address", failure.address.text()}});
    if (!failures.empty()) return exit_code::bind;
    return std::nullopt;
}

void Application::give_certificates() {
    auto entries = stored_entries(stored_);
    for (const FileCertificate& file : files_.certificates) entries.push_back(file.entry);
    data_plane_->put_certificates(std::move(entries));

    if (files_.default_credential)
        data_plane_->set_default_credential(files_.default_credential);
    else
        make_default_credential();
}

/// What clients get that no other certificate fits, when no file gives one.
void Application::make_default_credential() {
    auto made = tls::make_default_credential(clock_.now());
    if (made) data_plane_->set_default_credential(*made);
}

void Application::start_certificate_side() {
    if (!store_) return;
    http_ = http::make_curl_client("mesh/" + version());
    publisher_ = std::make_unique<DataPlanePublisher>(*data_plane_, loop_);
    auto settings = reconciler_settings();
    settings.make_client = [this](const model::CertResolver& resolver) {
        return make_acme_client(resolver, *http_, loop_, clock_, log_);
    };
    reconciler_ = std::make_unique<control::Reconciler>(
        std::move(settings), *store_, *publisher_, loop_, clock_, log_);
    begin_ordering();
}

void Application::begin_ordering() {
    if (draining_) return;
    const Status loaded = reconciler_->load();
    if (!loaded) {
        if (!std::exchange(store_unread_, true))
            log_.error("store_degraded",
                       "the store cannot be read: stored certificates are served, none is ordered "
                       "until it can",
                       {{"storage", configuration_.storage}, {"reason", loaded.error().message}});
        loop_.post_after(store_retry, [this] { begin_ordering(); });
        return;
    }
    if (std::exchange(store_unread_, false))
        log_.info("store_recovered",
                  "the store can be read again",
                  {{"storage", configuration_.storage}});
    orders_ = true;
    want_certificates();
}

void Application::want_certificates() {
    if (draining_ || !orders_ || awaits_providers()) return;
    covered_ = files_.valid_names(clock_.now());
    reconciler_->want(model::wanted_certificates(configuration_, *covered_),
                      configuration_.resolvers);
    look_at_file_certificates(++file_watch_);
    watch_expiry();
}

void Application::look_at_file_certificates(std::uint64_t watch) {
    if (draining_ || watch != file_watch_ || files_.certificates.empty()) return;
    const WallTime now = clock_.now();
    if (const auto covered = files_.valid_names(now); covered != covered_) {
        log_.warn("file_certificates_changed",
                  "a certificate from a file began or ceased to be valid; names that no file "
                  "has are ordered",
                  {{"valid_before", std::uint64_t{covered_->size()}},
                   {"valid", std::uint64_t{covered.size()}}});
        want_certificates();
        return;
    }
    // Looked at every hour at least: somebody may set the date.
    const auto next = files_.next_change(now);
    const auto pause = next ? std::min(*next - now, look_interval) : look_interval;
    loop_.post_after(pause, [this, watch] { look_at_file_certificates(watch); });
}

void Application::watch_expiry() {
    std::vector<control::ExpiryWatch::Watched> watched;
    for (const FileCertificate& file : files_.certificates)
        watched.push_back({file.credential->facts().sha256,
                           control::names_text(control::texts(file.entry->names)),
                           file.file,
                           file.entry->not_before,
                           file.entry->not_after});
    if (!orders_)
        for (const store::StoredCertificate& stored : stored_)
            if (stored.version && !stored.record.unwanted_since)
                watched.push_back({stored.version->sha256,
                                   control::names_text(stored.record.ordered_names),
                                   {},
                                   stored.version->not_before,
                                   stored.version->not_after});
    expiry_.watch(std::move(watched));
}

void Application::open_control_socket() {
    reload_ = std::make_unique<Reload>(
        loop_,
        log_,
        [this] { return prepare_reading(); },
        [this](FreshConfiguration fresh) { return apply(std::move(fresh)); });
    listen_for_commands();
}

/// Where commands that read the configuration look for this process.
void Application::listen_for_commands() {
    const ControlPaths paths = control_paths(configuration_.storage, runtime_directory());
    std::unique_ptr<ControlEndpoint>& endpoint = endpoints_[paths.socket];
    if (endpoint && endpoint->listens()) return;
    endpoint.reset();
    Controlled& process = *this;
    endpoint = std::make_unique<ControlEndpoint>(paths, process, loop_, clock_, log_);
}

void Application::wait() {
    loop_.run();
}

void Application::request_stop() {
    loop_.post([this] { drain(); });
}

void Application::drain() {
    if (draining_) return;
    draining_ = true;
    log_.info("draining",
              "no new connections; waiting for the open ones",
              {{"open", data_plane_->counters().open}, {"grace", describe(grace)}});
    supervisor_.stopping("draining " + std::to_string(data_plane_->counters().open) +
                         " open connections");
    if (reconciler_) reconciler_->stop();
    if (providers_) providers_->stop();
    data_plane_->drain(grace, [this](std::size_t cut) {
        log_.info("stopped", "all connections have ended", {{"cut", std::uint64_t{cut}}});
        loop_.stop();
    });
}

void Application::reopen_log() {
    writer_.reopen();
}

}  // namespace mesh::app
