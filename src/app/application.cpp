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
/// Servers written as names have an address when this process takes another one's place.
constexpr std::chrono::seconds names_patience_at_start{5};
/// It is killed, or told to serve already: either is a matter of moments.
constexpr std::chrono::seconds patience_for_successor{5};

LogLevel threshold(const model::Configuration& configuration) {
    return configuration.log.level;
}

unsigned worker_count(const model::Configuration& configuration) {
    return configuration.workers ? *configuration.workers : default_worker_count();
}

proxy::Limits limits_of_this_process() {
    proxy::Limits limits;
    const DescriptorShares shares = share_out(raise_descriptor_limit());
    const std::size_t possible = shares.connections;
    limits.pipes_max = shares.pipes;
    limits.connections_max = std::min(limits.connections_max, possible);
    return limits;
}

proxy::HealthChecks::Settings check_settings() {
    return {share_out(raise_descriptor_limit()).checks, std::random_device{}()};
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
    ending_ = true;
    offer_.reset();
    takeover_.reset();
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
    serves_ = takeover_ == nullptr;
    if (const auto failed = open_store()) return failed;
    if (const auto failed = listen()) return failed;
    give_certificates();
    data_plane_->start();
    checks_ = std::make_unique<proxy::HealthChecks>(log_, check_settings());
    names_ = std::make_unique<NameResolution>(
        host_names(configuration_),
        [this](const std::string& host, const auto& literals) {
            data_plane_->set_addresses(host, literals);
            checks_->set_addresses(host, literals);
        },
        resolve);
    check_servers();
    prepare_reload();
    if (serves_) {
        announce();
        report_ready();
    }
    start_certificate_side();
    watch_expiry();
    begin_to_watch();
    begin_to_follow();
    find_kept_configuration();
    keep_configuration();
    remind_of_stand_in();
    if (!serves_) {
        (void)names_->ahead().resolve(host_names(configuration_),
                                      affordable(names_patience_at_start, takeover_->time_left()));
        look_whether_ready(clock_.steady_now(), takeover_->time_left());
    }
    return std::nullopt;
}

/// For commands and people: from here on they find this process.
void Application::announce() {
    listen_for_commands();
    log_.info("ready",
              "listening",
              {{"version", version()},
               {"entry_points", std::uint64_t{configuration_.entry_points.size()}},
               {"routers", std::uint64_t{configuration_.routers.size()}},
               {"workers", std::uint64_t{worker_count(configuration_)}},
               {"stored_certificates", std::uint64_t{stored_count_}}});
}

/// The process that is to be replaced, if there is one, is told why it is not.
int Application::cannot_start(int code, std::string why) {
    if (takeover_) takeover_->fail(why);
    return code;
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
    if (takeover_) takeover_->obtain_store();
    auto opened = store::open(configuration_.storage, store::Access::own, log_);
    if (!opened) {
        log_.error("store_failed",
                   "the certificate store cannot be used",
                   {{"path", configuration_.storage}, {"error", opened.error().message}});
        return cannot_start(exit_code::store, opened.error().message);
    }
    store_ = std::move(*opened);
    store_path_ = configuration_.storage;
    auto certificates = store_->served_certificates();
    if (!certificates) {
        log_.error("store_failed",
                   "the certificate store cannot be read",
                   {{"path", configuration_.storage}, {"error", certificates.error().message}});
        return cannot_start(exit_code::store, certificates.error().message);
    }
    keep_stored(*std::move(certificates));
    return std::nullopt;
}

void Application::keep_stored(std::vector<store::ServedCertificate> certificates) {
    stored_count_ = certificates.size();
    stored_ = std::move(certificates);
}

std::optional<int> Application::listen() {
    const auto snapshot =
        proxy::make_snapshot(configuration_, files_.client_ca_pem, nullptr, files_.upstream);
    if (!snapshot) {
        log_.error("configuration_refused",
                   "the TLS library refuses a setting",
                   {{"error", snapshot.error().message}});
        return cannot_start(exit_code::configuration, snapshot.error().message);
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
    const int backlog = settings.limits.backlog;
    if (takeover_) settings.ticket_keys = takeover_->take_ticket_keys();
    data_plane_ = std::make_unique<proxy::DataPlane>(std::move(settings));
    auto sockets = usable(std::exchange(passed_, {}), backlog, log_);
    if (takeover_) sockets = takeover_->take_sockets(backlog, log_);
    data_plane_->inherit(std::move(sockets));

    if (const auto failed = open_access_log()) return failed;
    snapshot_ = *snapshot;
    const auto failures = data_plane_->listen(snapshot_);
    for (const proxy::BindFailure& failure : failures)
        log_.error("bind_failed", failure.message, {{"address", failure.address.text()}});
    if (!failures.empty()) return cannot_start(exit_code::bind, failures.front().message);
    close_unclaimed();
    if (takeover_) data_plane_->hold();
    return std::nullopt;
}

std::optional<int> Application::open_access_log() {
    access_log_ = std::make_unique<AccessLog>(worker_count(configuration_), clock_);
    if (!configuration_.access_log) return std::nullopt;
    auto opened = AccessLog::open(*configuration_.access_log);
    if (!opened) {
        log_.error("configuration_refused",
                   "the log of connections cannot be opened",
                   {{"error", "accessLog.filePath: " + opened.error().message}});
        return cannot_start(exit_code::configuration,
                            "accessLog.filePath: " + opened.error().message);
    }
    access_log_->use(configuration_.access_log, std::move(*opened), *data_plane_);
    return std::nullopt;
}

void Application::close_unclaimed() {
    for (const proxy::InheritedSocket& socket : data_plane_->take_unclaimed()) {
        // Of another process that listens there still: the configuration has changed meanwhile.
        if (takeover_) continue;
        log_.warn("passed_socket_unused",
                  "no entry point has the address of a socket passed by the service manager; who "
                  "connects there is not heard",
                  {{"name", socket.name}, {"address", socket.bound.text()}});
    }
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
    if (!http_) http_ = http::make_curl_client("mesh/" + version());
    if (!publisher_) publisher_ = std::make_unique<DataPlanePublisher>(*data_plane_, loop_);
    auto settings = reconciler_settings();
    settings.make_client = [this](const model::CertResolver& resolver) {
        return make_acme_client(resolver, *http_, loop_, clock_, log_);
    };
    reconciler_ = std::make_unique<control::Reconciler>(
        std::move(settings), *store_, *publisher_, loop_, clock_, log_);
    // The CA looks at whoever serves: what that one answers is not known here.
    if (!serves_) reconciler_->hold();
    begin_ordering();
}

void Application::begin_ordering() {
    if (draining_ || orders_ || challenges_left_) return;
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
    stored_ = std::vector<store::ServedCertificate>();  // with its memory
    want_certificates();
}

void Application::want_certificates() {
    if (draining_ || !orders_ || challenges_left_ || awaits_providers()) return;
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
        for (const store::ServedCertificate& stored : stored_)
            if (stored.wanted)
                watched.push_back({std::to_string(stored.version_id),
                                   control::names_text(stored.names),
                                   {},
                                   stored.not_before,
                                   stored.not_after});
    expiry_.watch(std::move(watched));
}

void Application::prepare_reload() {
    reload_ = std::make_unique<Reload>(
        loop_,
        log_,
        [this] { return prepare_reading(); },
        [this](FreshConfiguration fresh) { return apply(std::move(fresh)); });
}

/// Where commands that read the configuration look for this process.
void Application::listen_for_commands() {
    if (!serves_) return;
    const ControlPaths paths = control_paths(configuration_.storage, runtime_directory());
    std::unique_ptr<ControlEndpoint>& endpoint = endpoints_[paths.socket];
    // Whoever found it before is answered there.
    if (endpoint && endpoint->is_lost()) lost_endpoints_.push_back(std::move(endpoint));
    if (endpoint && endpoint->listens()) return;
    endpoint.reset();
    Controlled& process = *this;
    const auto place = takeover_ ? ControlEndpoint::Place::replaced : ControlEndpoint::Place::free;
    endpoint = std::make_unique<ControlEndpoint>(paths, place, process, loop_, clock_, log_);
}

bool Application::is_found_by_commands() const {
    const ControlPaths paths = control_paths(configuration_.storage, runtime_directory());
    const auto found = endpoints_.find(paths.socket);
    return found != endpoints_.end() && found->second && found->second->listens() &&
           !found->second->is_lost();
}

void Application::wait() {
    loop_.run();
}

void Application::request_stop() {
    loop_.post([this] { drain(); });
}

void Application::drain() {
    if (draining_ && !replaced_) return;
    draining_ = true;
    replaced_ = false;
    log_.info("draining",
              "going down; waiting for the open connections",
              {{"open", data_plane_->counters().open}});
    supervisor_.stopping("draining " + std::to_string(data_plane_->counters().open) +
                         " open connections");
    if (reconciler_) reconciler_->stop();
    if (providers_) providers_->stop();
    if (!offer_) return wind_down();
    // The process on its way listens on the same sockets and accepts nothing: who comes to them
    // when only that one has them waits for nobody. So it goes first, or serves: upgrade_ended()
    // goes on.
    offer_->abandon();
    loop_.post_after(patience_for_successor, [this] { wind_down(); });
}

void Application::wind_down() {
    if (std::exchange(winds_down_, true)) return;
    if (checks_) checks_->stop();
    data_plane_->wind_down(grace, [this](std::size_t cut) {
        log_.info("stopped", "all connections have ended", {{"cut", std::uint64_t{cut}}});
        // Behind what is posted already: somebody may be waiting to be told of an upgrade.
        loop_.post([this] { when_handed_over([this] { loop_.stop(); }); });
    });
}

void Application::reopen_log() {
    writer_.reopen();
    loop_.post([this] { access_log_->reopen(); });
}

}  // namespace mesh::app
