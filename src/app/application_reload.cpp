// A running mesh takes another configuration: whole, or not at all.
#include "app/application.hpp"
#include "app/last_good.hpp"
#include "app/log_settings.hpp"
#include "app/restart_needed.hpp"
#include "app/served_pools.hpp"
#include "base/time_text.hpp"
#include "config/codes.hpp"
#include "config/problems.hpp"
#include "model/wanted.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

namespace mesh::app {
namespace {

/// So many errors of a refused file are logged and remembered; `mesh check` shows all.
constexpr std::size_t errors_told = 20;
/// So many objects are logged at a time.
constexpr std::size_t objects_told = 100;

void add_error(config::LoadResult& result,
               std::string_view code,
               const std::string& message,
               const model::Location& at = {}) {
    config::Finding finding = config::finding_at(config::Severity::error, code, at, message);
    if (finding.file.empty()) finding.file = result.file;
    config::add_findings(result, {finding}, {});
}

constexpr std::chrono::milliseconds reminder = std::chrono::hours{1};

bool same_output(const model::LogSettings& a, const model::LogSettings& b) {
    return a.format == b.format && a.file_path == b.file_path;
}

bool same_files(const store::ConfigurationRecord& a, const store::ConfigurationRecord& b) {
    return std::equal(a.files.begin(),
                      a.files.end(),
                      b.files.begin(),
                      b.files.end(),
                      [](const auto& one, const auto& other) {
                          return one.path == other.path && one.text == other.text;
                      });
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
constexpr std::chrono::seconds failed_again_after{10};

/// Where the log goes elsewhere than now.
void prepare_log(FreshConfiguration& fresh, const model::LogSettings& now) {
    config::LoadResult& result = fresh.loaded.result;
    const model::LogSettings& log = result.configuration->log;
    if (same_output(log, now)) return;
    auto opened = open_log(log);
    if (opened)
        fresh.log_output.emplace(std::move(*opened));
    else
        add_error(result, config::codes::log_file, "log.filePath: " + opened.error().message);
}

void prepare_access_log(FreshConfiguration& fresh,
                        const std::optional<model::AccessLogSettings>& now) {
    config::LoadResult& result = fresh.loaded.result;
    if (!result.configuration) return;
    const auto& log = result.configuration->access_log;
    if (!log || AccessLog::same_output(log, now)) return;
    auto opened = AccessLog::open(*log);
    if (opened)
        fresh.access_output.emplace(std::move(*opened));
    else
        add_error(result, config::codes::log_file, "accessLog.filePath: " + opened.error().message);
}

/// The first resolver brings the store with it.
void prepare_store(FreshConfiguration& fresh, Log& log) {
    config::LoadResult& result = fresh.loaded.result;
    if (!result.configuration || result.configuration->resolvers.empty()) return;
    const std::string path = result.configuration->storage;
    const model::Location at = result.configuration->resolvers.begin()->second.at;
    auto opened = store::open(path, store::Access::own, log);
    if (!opened) return add_error(result, config::codes::store_failed, opened.error().message, at);
    auto certificates = (*opened)->served_certificates();
    if (!certificates)
        return add_error(result, config::codes::store_failed, certificates.error().message, at);
    fresh.store = std::move(*opened);
    fresh.stored = std::move(*certificates);
}

std::string cannot_continue(std::size_t count) {
    return count == 1 ? "1 option needs a restart"
                      : std::to_string(count) + " options need a restart";
}

}  // namespace

void Application::request_reload() {
    loop_.post([this] { reload([](const ReloadOutcome&) {}); });
}

void Application::request_refresh() {
    loop_.post([this] {
        if (draining_) return;
        files_changed_ = true;
        reload_->request([](const ReloadOutcome&) {});
    });
}

void Application::reload(Reload::Done done) {
    if (!draining_) supervisor_.reloading();
    asked_ = true;
    reload_->request([this, done = std::move(done)](const ReloadOutcome& outcome) {
        const auto answer = [this, done, outcome] {
            if (!draining_) supervisor_.ready(what_is_served());
            done(outcome);
        };
        outcome.applied ? when_followed(answer) : answer();
    });
}

/// Runs `then` when no worker goes by an earlier configuration any more: who connects once that was
/// told meets this one.
void Application::when_followed(std::function<void()> then) {
    data_plane_->when_all_turned([this, then = std::move(then)] { loop_.post(then); });
}

/// What a reading uses, none of it the application's own: that may be gone before a disk answers.
struct Application::ReadingFrom {
    std::string path;
    bool asked;
    bool of_files;
    std::optional<std::string> main_text;  ///< instead of the file's: nobody asked for that
    /// Likewise, where providers.file is not watched.
    std::optional<std::vector<config::NamedText>> provider_files;
    TlsFiles files;
    std::vector<config::InventoryPtr> inventories;
    std::shared_ptr<const config::Draft> last_good;
    model::Configuration running;  ///< what a restart is needed for
    model::LogSettings log_output;
    std::optional<model::AccessLogSettings> access_log;
    std::string store;  ///< the path of the one that is open; empty: none is
    std::shared_ptr<const proxy::Snapshot> snapshot;
    NameResolution::Ahead names;
    std::shared_ptr<OwnLog> log;
};

/// All who have asked until now share it.
Reload::Read Application::prepare_reading() {
    const bool asked = std::exchange(asked_, false);
    const bool whole = std::exchange(read_whole_, false) || asked;
    const bool of_files = std::exchange(files_changed_, false) || whole;
    const auto& provider = configuration_.file_provider;
    // What stands in for an invalid file is the configuration of one moment.
    const bool follows = whole || (of_files && !stand_in_ && (!provider || provider->watch));
    return [from = std::make_shared<const ReadingFrom>(
                ReadingFrom{path_,
                            asked,
                            of_files,
                            whole ? std::nullopt : std::optional(texts_.main),
                            follows ? std::nullopt : std::optional(texts_.provider_files),
                            files_,
                            providers_->inventories(),
                            draft_,
                            restart_options(configuration_),
                            configuration_.log,
                            configuration_.access_log,
                            store_path_,
                            snapshot_,
                            names_->ahead(),
                            own_log_})] { return read_configuration(*from); };
}

/// On the reload's thread.
FreshConfiguration Application::read_configuration(const ReadingFrom& from) {
    FreshConfiguration fresh;
    fresh.asked = from.asked;
    fresh.of_files = from.of_files;
    fresh.inventories = from.inventories;
    LoadContext context;
    context.inventories = from.inventories;
    context.files = &from.files;
    context.last_good = from.last_good;
    context.keep_pairs = !from.asked;
    if (from.main_text) context.main_text = &*from.main_text;
    if (from.provider_files) context.provider_files = &*from.provider_files;
    fresh.loaded = load_configuration(from.path, context);
    config::LoadResult& result = fresh.loaded.result;
    if (!result.configuration) return fresh;
    auto changes = restart_needed(from.running, *result.configuration, from.store);
    if (!changes.empty()) {
        const std::size_t count = changes.size();
        for (config::Finding& change : changes)
            if (change.file.empty()) change.file = result.file;
        config::add_findings(result, std::move(changes), {});
        result.summary = result.file + ": not applied: " + cannot_continue(count);
        return fresh;
    }
    auto snapshot = proxy::make_snapshot(*result.configuration,
                                         fresh.loaded.files.client_ca_pem,
                                         from.snapshot,
                                         fresh.loaded.files.upstream);
    if (!snapshot) {
        add_error(result, config::codes::bad_value, snapshot.error().message);
        return fresh;
    }
    fresh.snapshot = std::move(*snapshot);
    prepare_log(fresh, from.log_output);
    prepare_access_log(fresh, from.access_log);
    if (from.store.empty()) prepare_store(fresh, from.log->log);
    if (!result.configuration) return fresh;
    add_unresolved(fresh.loaded,
                   from.names.resolve(host_names(*result.configuration), names_patience));
    return fresh;
}

ReloadOutcome Application::apply(FreshConfiguration fresh) {
    config::LoadResult& result = fresh.loaded.result;
    if (draining_ && result.configuration)
        add_error(result, config::codes::needs_restart, "mesh is stopping");
    if (fresh.failed) {
        // The watcher has told of what changed, and will not again.
        loop_.post_after(failed_again_after, [this] { request_refresh(); });
    } else if (!result.configuration && fresh.of_files) {
        refused_files_ = std::move(fresh.loaded.files.paths);
        watch_files();
    }
    if (!result.configuration) return refuse(std::move(fresh));
    fresh.inventories = providers_->freshest(fresh.inventories);
    if (changes_nothing(fresh)) {
        note_kept(fresh.loaded.files);
        note_isolated(result);
        forget_refused(fresh);
        providers_->applied(fresh.inventories);
        keep_configuration();
        return {true, std::move(result.findings), std::move(result.summary)};
    }
    fresh.loaded.files.keep_ids(files_, next_file_id_);
    if (auto failed = switch_to(fresh); !failed.empty()) {
        config::add_findings(result, std::move(failed), {});
        return refuse(std::move(fresh));
    }
    note_kept(fresh.loaded.files);
    note_isolated(result);
    adopt_log(fresh);
    adopt_store(fresh);
    configuration_ = std::move(*result.configuration);
    files_ = std::move(fresh.loaded.files);
    snapshot_ = std::move(fresh.snapshot);
    sha256_ = std::move(fresh.loaded.sha256);
    texts_ = std::move(fresh.loaded.texts);
    draft_ = std::move(result.draft);
    if (fresh.of_files) refused_files_.clear();
    applied_ = clock_.now();
    forget_refused(fresh);
    if (fresh.asked) stand_in_.reset();
    resolve_server_names();
    check_servers();
    follow_providers();
    providers_->applied(fresh.inventories);
    if (store_ && !reconciler_) start_certificate_side();
    listen_for_commands();
    want_certificates();
    watch_expiry();
    watch_files();
    keep_configuration();
    when_followed([this,
                   sha256 = sha256_,
                   because = fresh.asked      ? "asked"
                             : fresh.of_files ? "files changed"
                                              : "a provider's labels changed",
                   routers = std::uint64_t{configuration_.routers.size()},
                   warnings = std::uint64_t{result.warnings}] {
        log_.info("reload_applied",
                  "another configuration is in force; connections and orders go on",
                  {{"file", path_},
                   {"sha256", sha256},
                   {"because", because},
                   {"routers", routers},
                   {"warnings", warnings}});
    });
    return {true, std::move(result.findings), std::move(result.summary)};
}

/// The data path, in an order that leaves no moment without a certificate: what comes is there
/// before the routes that want it, what goes stays until they are gone. With findings nothing has
/// changed.
std::vector<config::Finding> Application::switch_to(FreshConfiguration& fresh) {
    const TlsFiles& files = fresh.loaded.files;
    put_file_certificates(files);
    std::vector<config::Finding> findings;
    const auto add = [&](std::string_view code, std::string message, const model::Location& at) {
        findings.push_back(
            config::finding_at(config::Severity::error, code, at, std::move(message)));
        if (findings.back().file.empty()) findings.back().file = fresh.loaded.result.file;
    };
    model::Configuration& next = *fresh.loaded.result.configuration;
    for (const config::InventoryPtr& inventory : fresh.inventories) set_servers(next, *inventory);
    const auto& entry_points = next.entry_points;
    try {
        auto failures = refused_bindings(fresh);
        if (failures.empty())
            failures = data_plane_->apply(fresh.snapshot, [&] {
                adopt_store(fresh);
                give_servers(next, *fresh.snapshot);
            });
        for (const proxy::BindFailure& failure : failures)
            add(config::codes::cannot_bind,
                failure.message,
                entry_points.at(failure.entry_point).at);
    } catch (const std::exception& error) {
        add(config::codes::bad_value, error.what(), {});
    }
    if (!findings.empty()) {
        remove_file_certificates(files);
        return findings;
    }
    credentials_->set_files(files.certificates);
    for (const FileCertificate& before : files_.certificates)
        if (!files.find(before.entry->id)) data_plane_->remove_certificate(before.entry->id);
    if (!files.default_credential && files_.default_credential)
        make_default_credential();
    else if (files.default_credential != files_.default_credential)
        data_plane_->set_default_credential(files.default_credential);
    return {};
}

/// New ones, and those whose leaf is the same and the chain another.
void Application::put_file_certificates(const TlsFiles& files) {
    for (const FileCertificate& file : files.certificates) {
        const FileCertificate* const before = files_.find(file.entry->id);
        if (before == nullptr || before->credential != file.credential)
            data_plane_->put_certificate(file.entry, file.credential);
    }
}

/// Back to what is served.
void Application::remove_file_certificates(const TlsFiles& files) {
    for (const FileCertificate& file : files.certificates) {
        const FileCertificate* const before = files_.find(file.entry->id);
        if (before == nullptr)
            data_plane_->remove_certificate(file.entry->id);
        else if (before->credential != file.credential)
            data_plane_->put_certificate(before->entry, before->credential);
    }
}

void Application::adopt_log(FreshConfiguration& fresh) {
    const model::LogSettings& log = fresh.loaded.result.configuration->log;
    if (fresh.log_output) writer_.use(log_settings(log), std::move(*fresh.log_output));
    log_.set_threshold(log.level);
    for (const auto& worker_log : worker_logs_) worker_log->set_threshold(log.level);
    access_log_->use(fresh.loaded.result.configuration->access_log,
                     std::move(fresh.access_output),
                     *data_plane_);
}

void Application::adopt_store(FreshConfiguration& fresh) {
    if (!fresh.store) return;
    store_ = std::move(fresh.store);
    store_path_ = fresh.loaded.result.configuration->storage;
    keep_stored(std::move(fresh.stored));
    credentials_->set_store(*store_);
    for (const certs::EntryPtr& entry : stored_entries(stored_))
        data_plane_->put_certificate(entry, nullptr);
}

/// Files were touched, or are again what they were.
bool Application::changes_nothing(const FreshConfiguration& fresh) const {
    const auto same_pair = [](const FileCertificate& a, const FileCertificate& b) {
        return a.credential == b.credential;
    };
    const TlsFiles& files = fresh.loaded.files;
    return !fresh.asked && fresh.loaded.sha256 == sha256_ && fresh.snapshot == snapshot_ &&
           providers_->are_applied(fresh.inventories) &&
           files.default_credential == files_.default_credential &&
           std::equal(files.certificates.begin(),
                      files.certificates.end(),
                      files_.certificates.begin(),
                      files_.certificates.end(),
                      same_pair);
}

/// Once for each reason, until it is another one or gone.
void Application::note_kept(const TlsFiles& files) {
    for (const auto& [file, reason] : files.kept) {
        const auto known = files_.kept.find(file);
        if (known != files_.kept.end() && known->second == reason) continue;
        log_.warn("certificate_kept",
                  "a certificate, key or CA file changed and cannot be used: what it held before "
                  "stays in force",
                  {{"file", file}, {"reason", reason}});
    }
    files_.kept = files.kept;
}

/// Each once, until its reason is another one or gone.
void Application::note_isolated(const config::LoadResult& result) {
    const auto key = [](const config::Isolated& object) {
        return std::tuple(object.path, object.state, object.reason);
    };
    std::set<std::tuple<std::string, config::Isolated::State, std::string>> known;
    for (const config::Isolated& object : isolated_) known.insert(key(object));
    std::size_t fresh = 0;
    for (const config::Isolated& object : result.isolated) {
        if (known.contains(key(object)) || ++fresh > objects_told) continue;
        log_.error("object_refused",
                   "part of the configuration cannot be applied; the rest is",
                   {{"object", object.path},
                    {"state", config::to_string(object.state)},
                    {"reason", object.reason}});
    }
    if (fresh > objects_told)
        log_.error("objects_refused",
                   "more parts of the configuration cannot be applied; mesh status tells them",
                   {{"more", std::uint64_t{fresh - objects_told}}});
    isolated_ = result.isolated;
}

void Application::watch_files() {
    if (draining_ || !watcher_) return;
    watcher_->watch(watched_files(configuration_, files_, refused_files_));
}

/// What somebody asked for stays refused until somebody asks again, and what stood in files until
/// files are read again.
void Application::forget_refused(const FreshConfiguration& applied) {
    const bool is_over = !refused_asked_ && (applied.of_files || !refused_files_read_);
    if (applied.asked || is_over) refused_.reset();
    refused_for_providers_.reset();
}

/// The store holds it from the last run, perhaps.
void Application::find_kept_configuration() {
    if (!store_) return;
    const auto record = record_of(path_, texts_, applied_);
    const auto stored = store_->configuration();
    if (record && stored && *stored && same_files(**stored, *record)) kept_sha256_ = sha256_;
}

/// For a start with --last-good: what is right as a whole, whatever labels say.
void Application::keep_configuration() {
    const bool is_whole = std::all_of(
        isolated_.begin(), isolated_.end(), [](const auto& object) { return object.of_labels; });
    if (!store_ || !serves_ || challenges_left_ || stand_in_ || !is_whole ||
        kept_sha256_ == sha256_)
        return;
    kept_sha256_ = sha256_;
    auto record = record_of(path_, texts_, applied_);
    if (!record) {
        log_.warn("configuration_not_kept",
                  "the configuration is too large to be kept for run --last-good",
                  {{"bytes_max", std::uint64_t{kept_configuration_max}}});
        return;
    }
    store_->apply({store::PutConfiguration{std::move(*record)}},
                  loop_,
                  [this](const Result<store::Applied>& done) {
                      if (done) return;
                      kept_sha256_.clear();  // the next reload tries again
                      log_.warn("configuration_not_kept",
                                "the store does not take the configuration: run --last-good would "
                                "start on the one before",
                                {{"reason", done.error().message}});
                  });
}

/// At once and then each hour, until a file is applied.
void Application::remind_of_stand_in() {
    if (!stand_in_ || draining_) return;
    log_.error(
        "last_good",
        "the configuration file is invalid: the configuration applied last runs in its place",
        {{"file", path_}, {"applied", rfc3339(stand_in_->applied)}, {"summary", stand_in_->why}});
    loop_.post_after(reminder, [this] { remind_of_stand_in(); });
}

ReloadOutcome Application::refuse(FreshConfiguration fresh) {
    config::LoadResult& result = fresh.loaded.result;
    const bool asked = fresh.asked;
    if (!fresh.failed) read_again_for_providers(fresh.of_files);
    RefusedReload refused{clock_.now(), result.summary, {}};
    for (const config::Finding& finding : result.findings) {
        if (finding.severity != config::Severity::error) continue;
        if (refused.errors.size() == errors_told) break;
        config::Finding line = finding;
        line.excerpt.clear();
        refused.errors.push_back(config::render(line));
    }
    // Files that changed, and nothing about the errors with them, are not worth the lines again.
    const auto same = [&](const std::optional<RefusedReload>& before) {
        return before && before->summary == refused.summary && before->errors == refused.errors;
    };
    const bool known =
        !asked && (same(refused_) || (!fresh.of_files && same(refused_for_providers_)));
    if (!fresh.of_files) refused_for_providers_ = refused;
    if (!known) tell_refused(refused, result);
    // Until somebody asks again, what was asked for and refused is what status has to tell; and
    // what files are wrong about, until they are read again.
    const bool is_weightier =
        refused_ && (refused_asked_ || (refused_files_read_ && !fresh.of_files));
    if (asked || !is_weightier) {
        refused_ = std::move(refused);
        refused_asked_ = asked;
        refused_files_read_ = fresh.of_files;
    }
    return {false, std::move(result.findings), std::move(result.summary)};
}

void Application::tell_refused(const RefusedReload& refused, const config::LoadResult& result) {
    log_.error("reload_refused",
               "the configuration is not applied; what ran before goes on",
               {{"file", path_},
                {"errors", std::uint64_t{result.errors}},
                {"summary", result.summary},
                {"first", refused.errors.empty() ? std::string{} : refused.errors.front()}});
    for (const std::string& error : refused.errors)
        log_.error("reload_finding", error, {{"file", path_}});
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
    status.last_good = stand_in_.has_value();
    status.isolated = isolated_;
    status.providers = providers_->states();
    status.kept_files = files_.kept;
    if (store_) {
        status.storage = store_path_;
        status.storage_writable = store_->writable();
    }
    status.connections = data_plane_->counters();
    status.file_certificates = files_.certificates;
    return status;
}

control::Reconciler* Application::reconciler() {
    return orders_ && !draining_ && !challenges_left_ ? reconciler_.get() : nullptr;
}

}  // namespace mesh::app
