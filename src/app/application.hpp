#pragma once
#include "app/access_log.hpp"
#include "app/control_endpoint.hpp"
#include "app/controlled.hpp"
#include "app/data_plane_publisher.hpp"
#include "app/followed_providers.hpp"
#include "app/loaded_configuration.hpp"
#include "app/name_resolution.hpp"
#include "app/process.hpp"
#include "app/reload.hpp"
#include "app/socket_activation.hpp"
#include "app/stored_certificates.hpp"
#include "app/supervisor.hpp"
#include "app/upgrade_offer.hpp"
#include "app/upgrade_takeover.hpp"
#include "app/watchdog.hpp"
#include "app/watched_files.hpp"
#include "base/clock.hpp"
#include "base/task_loop.hpp"
#include "control/expiry_watch.hpp"
#include "control/reconciler.hpp"
#include "http/client.hpp"
#include "model/configuration.hpp"
#include "observe/log_writer.hpp"
#include "proxy/data_plane.hpp"
#include "proxy/health_checks.hpp"
#include "store/store.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mesh::app {

/// The configuration of the file is invalid, and the one applied last runs in its place.
struct StandIn {
    std::string why;   ///< the summary of the file's findings
    WallTime applied;  ///< when the one that runs was applied first
};

/// The composition root: builds every room, owns every thread, and is the only place that knows
/// them all. Members are declared in the order they depend on each other, so that destruction
/// takes them down from the top.
class Application final : private Controlled {
 public:
    /// `loaded` holds a configuration, that of the file at `path`.
    Application(const std::string& path,
                LoadedConfiguration loaded,
                std::optional<StandIn> stand_in,
                observe::LogWriter& writer,
                SupervisorSettings supervisor);
    ~Application() override;
    Application(const Application&) = delete;
    Application& operator=(const Application&) = delete;

    /// What the service manager passed: used instead of binding the address. Before start().
    void take(std::vector<PassedDescriptor> passed) { passed_ = std::move(passed); }
    /// How the process was started, which is how one that replaces it is. Before start().
    void remember(CommandLine command_line) { command_line_ = std::move(command_line); }
    /// Takes the place of another process: it serves until this one can, and says so. Before
    /// start().
    void replace(std::unique_ptr<UpgradeTakeover> takeover) { takeover_ = std::move(takeover); }
    /// Opens the store, binds, starts serving, then the certificate side. Returns the exit code
    /// of the step that failed, after logging why; nothing when all is up.
    [[nodiscard]] std::optional<int> start();
    /// Serves until a stop was requested and the drain is over.
    void wait();
    /// After wait(). False when a reload's reading goes on, which a disk keeps: the process must
    /// not run its exit handlers beside it.
    [[nodiscard]] bool end_reading();

    /// Thread-safe: the first call drains.
    void request_stop();
    void reopen_log();
    /// Thread-safe: reads the configuration again and applies it whole or not at all.
    void request_reload();
    /// Thread-safe: what the configuration in force names has changed on disk.
    void request_refresh();

 private:
    [[nodiscard]] std::optional<int> open_store();
    void keep_stored(std::vector<store::ServedCertificate> certificates);
    [[nodiscard]] std::optional<int> listen();
    [[nodiscard]] std::optional<int> open_access_log();
    /// Warns of those passed that no entry point wants, and closes them.
    void close_unclaimed();
    void give_certificates();
    /// The service manager hears that mesh is up, and from now on that it is alive.
    void report_ready();
    [[nodiscard]] std::string what_is_served() const;
    void make_default_credential();
    void start_certificate_side();
    /// Reads the store's schedules and orders what is due; tried again while it cannot be read.
    void begin_ordering();
    void prepare_reload();
    void listen_for_commands();
    [[nodiscard]] bool is_found_by_commands() const;
    void announce();
    [[nodiscard]] int cannot_start(int code, std::string why);
    // Controlled
    [[nodiscard]] ProcessStatus status() const override;
    [[nodiscard]] ServerLines servers(std::size_t lines_max) const override {
        return server_lines(configuration_, *snapshot_, clock_, lines_max);
    }
    void upgrade(const UpgradeRequest& request,
                 std::function<void(const UpgradeOutcome&)> done) override;
    void reload(Reload::Done done) override;
    [[nodiscard]] control::Reconciler* reconciler() override;
    [[nodiscard]] const model::Configuration& configuration() const override {
        return configuration_;
    }

    // Reloading (application_reload.cpp).
    struct ReadingFrom;
    [[nodiscard]] Reload::Read prepare_reading();
    [[nodiscard]] static FreshConfiguration read_configuration(const ReadingFrom& from);
    [[nodiscard]] ReloadOutcome apply(FreshConfiguration fresh);
    void when_followed(std::function<void()> then);
    [[nodiscard]] ReloadOutcome refuse(FreshConfiguration fresh);
    [[nodiscard]] std::vector<config::Finding> switch_to(FreshConfiguration& fresh);
    void put_file_certificates(const TlsFiles& files);
    void remove_file_certificates(const TlsFiles& files);
    [[nodiscard]] bool changes_nothing(const FreshConfiguration& fresh) const;
    void note_kept(const TlsFiles& files);
    void note_isolated(const config::LoadResult& result);
    void tell_refused(const RefusedReload& refused, const config::LoadResult& result);
    void forget_refused(const FreshConfiguration& applied);
    void find_kept_configuration();
    void keep_configuration();
    void remind_of_stand_in();
    void begin_to_watch();
    void watch_files();
    void adopt_log(FreshConfiguration& fresh);
    void adopt_store(FreshConfiguration& fresh);

    // Providers of labels and tags (application_providers.cpp).
    void begin_to_follow();
    void follow_providers();
    void read_again_for_providers(bool of_files);
    void read_for_providers();
    void change_servers(const config::InventoryPtr& inventory);
    void give_servers(const model::Configuration& configuration, const proxy::Snapshot& snapshot);
    void resolve_server_names();
    void check_servers();
    [[nodiscard]] bool awaits_providers();

    // Being replaced, and replacing another (application_upgrade.cpp).
    [[nodiscard]] std::string objection_to_upgrade(const std::string& program) const;
    [[nodiscard]] UpgradeOffer::Surroundings offer_surroundings();
    [[nodiscard]] Status expect_copies();
    [[nodiscard]] Result<std::vector<proxy::InheritedSocket>> sockets_to_pass();
    [[nodiscard]] Status give_up(store::Store* store);
    void upgrade_ended(const UpgradeOutcome& outcome);
    void tell_outcome(const UpgradeOutcome& outcome);
    void leave_to(const UpgradeOutcome& outcome);
    [[nodiscard]] std::vector<proxy::BindFailure> refused_bindings(const FreshConfiguration& fresh);
    void when_handed_over(std::function<void()> then);
    void order_again();
    [[nodiscard]] Status on_control(std::function<void()> task);
    void look_whether_ready(SteadyTime since, std::chrono::milliseconds left);
    [[nodiscard]] bool is_ready_to_take_over(std::chrono::nanoseconds waited,
                                             std::chrono::milliseconds left) const;
    [[nodiscard]] Status serve_in_place();
    void take_over();
    void listen_again();
    void give_up_taking_over(const Error& why);

    /// Wants what the configuration names and no valid certificate from a file has; again when
    /// one of these begins or ends to be valid.
    void want_certificates();
    void look_at_file_certificates(std::uint64_t watch);
    /// The ends of certificates that no order renews are spoken of.
    void watch_expiry();
    void drain();
    void wind_down();

    /// Shared with readings: a store that one of them opens writes to it, and a disk may keep that
    /// one longer than the rest of this lives.
    struct OwnLog {
        OwnLog(LogRing& ring, LogLevel threshold) : log(ring, clock, threshold) {}
        SystemClock clock;
        SharedRingLog log;
    };

    std::string path_;  ///< of the configuration file, absolute
    std::string sha256_;
    std::string kept_sha256_;  ///< of what the store was given last; empty: none
    ConfigurationTexts texts_;
    std::shared_ptr<const config::Draft> draft_;
    std::vector<config::Isolated> isolated_;
    model::Configuration configuration_;
    TlsFiles files_;
    /// Of a configuration that was refused: it may be right when they change.
    std::vector<std::string> refused_files_;
    certs::CertificateId next_file_id_;
    observe::LogWriter& writer_;
    SystemClock clock_;
    std::shared_ptr<OwnLog> own_log_;
    SharedRingLog& log_;
    Supervisor supervisor_;
    std::vector<PassedDescriptor> passed_;
    CommandLine command_line_;
    std::atomic<bool> ending_{false};            ///< no thread waits for another any more
    std::unique_ptr<UpgradeTakeover> takeover_;  ///< of another process, until this one serves
    std::vector<std::unique_ptr<RingLog>> worker_logs_;
    std::unique_ptr<AccessLog> access_log_;
    TaskLoop loop_;
    std::unique_ptr<store::Store> store_;
    std::string store_path_;                        ///< of the store that is open; empty: none is
    std::vector<store::ServedCertificate> stored_;  ///< until the reconciler knows them
    std::size_t stored_count_ = 0;                  ///< when they were read last
    std::unique_ptr<CredentialSource> credentials_;
    std::unique_ptr<proxy::DataPlane> data_plane_;
    std::unique_ptr<proxy::HealthChecks> checks_;
    std::unique_ptr<NameResolution> names_;
    std::unique_ptr<http::Client> http_;
    std::unique_ptr<DataPlanePublisher> publisher_;
    std::unique_ptr<control::Reconciler> reconciler_;
    /// Names that certificates from files had at the last want_certificates().
    std::optional<std::vector<std::vector<HostPattern>>> covered_;
    std::uint64_t file_watch_ = 0;  ///< only the newest timer goes on
    bool orders_ = false;           ///< the reconciler knows what is stored
    std::shared_ptr<const proxy::Snapshot> snapshot_;
    WallTime started_;
    WallTime applied_;
    std::optional<RefusedReload> refused_;
    std::optional<StandIn> stand_in_;
    bool refused_asked_ = false;  ///< by somebody, not by a change of watched files
    std::optional<RefusedReload> refused_for_providers_;  ///< told last
    bool refused_files_read_ = false;   ///< files had been read; else it was a provider's labels
    bool asked_ = false;                ///< by somebody, since the last reading began
    bool read_whole_ = false;           ///< next, as if somebody had asked: --config as well
    bool refused_for_upgrade_ = false;  ///< what nobody had asked for: read again if that fails
    bool files_changed_ = false;        ///< that are watched, since the last reading began
    control::ExpiryWatch expiry_{loop_, clock_, log_};
    std::unique_ptr<Watchdog> watchdog_;
    bool draining_ = false;
    bool winds_down_ = false;  ///< takes nobody more, which may be a little after draining_
    bool serves_ = false;      ///< false while another process does whose place this one takes
    std::optional<pid_t> successor_;  ///< who serves instead; the service manager has to know
    bool replaced_ = false;           ///< by a process that serves; this one drains without haste
    /// Names whose challenges are left to a process that may go on with their orders; set while
    /// nothing is ordered here for its sake.
    std::optional<std::vector<Hostname>> challenges_left_;
    std::vector<std::function<void(const UpgradeOutcome&)>> upgrade_done_;
    bool store_unread_ = false;
    std::unique_ptr<Reload> reload_;
    std::unique_ptr<watch::FileWatcher> watcher_;
    std::unique_ptr<http::Client> provider_http_;
    std::unique_ptr<FollowedProviders> providers_;
    std::optional<SteadyTime> waits_for_providers_since_;  ///< with its orders
    bool looks_at_providers_again_ = false;                ///< a timer runs
    bool reads_again_ = false;                             ///< likewise
    /// By the socket's path: the store may come to be elsewhere than commands first looked.
    std::map<std::string, std::unique_ptr<ControlEndpoint>> endpoints_;
    std::vector<std::unique_ptr<ControlEndpoint>> lost_endpoints_;
    std::unique_ptr<UpgradeOffer> offer_;
};

}  // namespace mesh::app
