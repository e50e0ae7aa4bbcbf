#include "app/run.hpp"

#include "app/application.hpp"
#include "app/last_good.hpp"
#include "app/log_settings.hpp"
#include "app/process.hpp"
#include "app/signals.hpp"
#include "app/socket_activation.hpp"
#include "app/supervisor.hpp"
#include "config/load.hpp"

#include <cstdio>
#include <mutex>
#include <unistd.h>

namespace mesh::app {
namespace {

void print(const std::string& text) {
    std::fputs(text.c_str(), stderr);
}

void print_findings(const std::vector<config::Finding>& findings) {
    for (const config::Finding& finding : findings) print(config::render(finding) + "\n");
}

/// Errors, as `mesh upgrade` shows them.
std::vector<std::string> rendered(const std::vector<config::Finding>& findings) {
    std::vector<std::string> lines;
    for (const config::Finding& finding : findings)
        if (finding.severity == config::Severity::error) lines.push_back(config::render(finding));
    return lines;
}

/// The first stop signal drains; the second ends the process where it stands, also while what
/// drained is taken down.
class SignalTarget {
 public:
    void deliver(int number) {
        const std::lock_guard lock(mutex_);
        if (number == SIGHUP || number == SIGUSR1) {
            if (application_ == nullptr) return;
            number == SIGHUP ? application_->request_reload() : application_->reopen_log();
            return;
        }
        if (stopping_) ::_exit(128 + number);
        stopping_ = true;
        if (application_ != nullptr) application_->request_stop();
    }
    void set(Application* application) {
        const std::lock_guard lock(mutex_);
        application_ = application;
    }

 private:
    std::mutex mutex_;
    Application* application_ = nullptr;
    bool stopping_ = false;
};

/// Signals reach the application while this lives, which is shorter than both.
class Reachable {
 public:
    Reachable(SignalTarget& target, Application& application) : target_(target) {
        target_.set(&application);
    }
    Reachable(const Reachable&) = delete;
    Reachable& operator=(const Reachable&) = delete;
    ~Reachable() { target_.set(nullptr); }

 private:
    SignalTarget& target_;
};

}  // namespace

int run(const std::string& config_path, bool last_good) {
    protect_secrets();
    SupervisorSettings supervisor = take_supervisor_settings();
    std::vector<PassedDescriptor> passed = take_passed_descriptors();
    CommandLine command_line = own_command_line();
    auto takeover = UpgradeTakeover::begin();
    if (!takeover) {
        print(takeover.error().message + "\n");
        return exit_code::usage;
    }
    SignalTarget target;
    SignalThread signals;

    LoadedConfiguration loaded = load_configuration(config_path);
    print_findings(loaded.result.findings);
    std::optional<StandIn> stand_in;
    if (!loaded.result.configuration) {
        print(loaded.result.summary + "\n");
        if (*takeover) (*takeover)->fail(loaded.result.summary, rendered(loaded.result.findings));
        if (*takeover || !last_good) return exit_code::configuration;
        auto kept = load_last_good(config_path, loaded.result.storage);
        if (!kept) {
            print(kept.error().message + "\n");
            return exit_code::configuration;
        }
        stand_in = StandIn{loaded.result.summary, kept->applied};
        loaded = std::move(kept->loaded);
    }

    auto writer = observe::LogWriter::start(log_settings(loaded.result.configuration->log));
    if (!writer) {
        print("log.filePath: " + writer.error().message + "\n");
        if (*takeover) (*takeover)->fail("log.filePath: " + writer.error().message);
        return exit_code::configuration;
    }
    bool reading_ended = false;
    {
        Application application(
            config_path, std::move(loaded), std::move(stand_in), **writer, std::move(supervisor));
        application.take(std::move(passed));
        application.remember(std::move(command_line));
        application.replace(std::move(*takeover));
        if (const auto failed = application.start()) return *failed;
        const Reachable reachable(target, application);
        signals.start([&target](int number) { target.deliver(number); });
        application.wait();
        reading_ended = application.end_reading();
    }
    if (!reading_ended) {
        (*writer)->end();  // not destroyed: the reading may still log
        ::_exit(exit_code::stopped);
    }
    return exit_code::stopped;
}

}  // namespace mesh::app
