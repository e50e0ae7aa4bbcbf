#include "app/run.hpp"

#include "app/application.hpp"
#include "app/process.hpp"
#include "app/signals.hpp"
#include "config/load.hpp"

#include <cstdio>
#include <unistd.h>

namespace mesh::app {
namespace {

void print(const std::string& text) {
    std::fputs(text.c_str(), stderr);
}

void print_findings(const std::vector<config::Finding>& findings) {
    for (const config::Finding& finding : findings) print(config::render(finding) + "\n");
}

observe::LogWriterSettings log_settings(const model::LogSettings& from) {
    observe::LogWriterSettings settings;
    settings.format =
        from.format == model::LogFormat::json ? observe::Format::json : observe::Format::common;
    settings.file_path = from.file_path;
    settings.journal_prefix = from.file_path.empty() && stderr_is_journal();
    return settings;
}

/// The first stop signal drains; the second ends the process where it stands.
class StopSignals {
 public:
    explicit StopSignals(Application& application) : application_(application) {}

    void operator()(int number) {
        if (number == SIGHUP) return application_.request_reload();
        if (number == SIGUSR1) return application_.reopen_log();
        if (stopping_) ::_exit(128 + number);
        stopping_ = true;
        application_.request_stop();
    }

 private:
    Application& application_;
    bool stopping_ = false;
};

}  // namespace

int run(const std::string& config_path) {
    protect_secrets();
    SignalThread signals;

    auto loaded = config::load_file(config_path, {config::process_environment, false});
    TlsFiles files;
    if (loaded.configuration) {
        const WallTime now = SystemClock().now();
        files = load_tls_files(*loaded.configuration, now);
        add_file_findings(loaded, files, now);
    }
    print_findings(loaded.findings);
    if (!loaded.configuration) {
        print(loaded.summary + "\n");
        return exit_code::configuration;
    }

    auto writer = observe::LogWriter::start(log_settings(loaded.configuration->log));
    if (!writer) {
        print("log.filePath: " + writer.error().message + "\n");
        return exit_code::configuration;
    }
    Application application(std::move(*loaded.configuration), std::move(files), **writer);
    if (const auto failed = application.start()) return *failed;
    signals.start(StopSignals(application));
    application.wait();
    return exit_code::stopped;
}

}  // namespace mesh::app
