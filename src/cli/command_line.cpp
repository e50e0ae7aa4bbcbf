#include "cli/command_line.hpp"

#include "app/run.hpp"
#include "app/version.hpp"
#include "cli/commands.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <unistd.h>

namespace mesh::cli {
namespace {

constexpr const char* default_paths[] = {
    "/etc/mesh/mesh.yaml", "/etc/mesh/mesh.yml", "/etc/mesh/mesh.toml"};

/// $MESH_CONFIG, else the first of the standard places that exists, else the first of them.
std::string default_config() {
    if (const char* const named = std::getenv("MESH_CONFIG"); named != nullptr && *named != '\0')
        return named;
    for (const char* const path : default_paths)
        if (::access(path, F_OK) == 0) return path;
    return default_paths[0];
}

/// Commands of later versions: named, so that nobody mistakes them for a typo.
constexpr const char* planned_certs[] = {"history", "export", "revoke", "rollback"};

class CommandLine {
 public:
    CommandLine() : app_("mesh: a TCP and TLS proxy whose certificates take care of themselves") {
        app_.name("mesh");
        app_.require_subcommand(0, 1);
        app_.set_version_flag("--version", app::version_text);
        app_.footer("Example:\n  mesh check --config mesh.yaml && mesh run --config mesh.yaml");
        common_.config = default_config();
        add_run();
        add_check();
        add_plan();
        add_process();
        add_certs();
        add_store();
    }

    int run(int argc, char** argv) {
        try {
            app_.parse(argc, argv);
        } catch (const CLI::ParseError& error) {
            return app_.exit(error) == 0 ? 0 : app::exit_code::usage;
        }
        if (command_) return command_();
        std::fputs(app_.help().c_str(), stderr);
        return app::exit_code::usage;
    }

 private:
    void take_config(CLI::App& command) {
        command
            .add_option("--config",
                        common_.config,
                        "Configuration file ($MESH_CONFIG, then /etc/mesh/mesh.yaml, .yml, .toml)")
            ->capture_default_str()
            ->type_name("FILE");
    }

    void take_json(CLI::App& command) {
        command.add_flag(
            "--json", common_.json, "Print JSON (keys: docs/configuration.md, \"JSON\")");
    }

    void add_run() {
        auto* const command = app_.add_subcommand("run", "Run the proxy in the foreground");
        take_config(*command);
        command->add_flag("--last-good",
                          last_good_,
                          "Where the file is invalid, start on the configuration applied last");
        command->footer(
            "SIGTERM and SIGINT drain; a second one ends at once. Exit codes: 0 stopped,\n"
            "1 configuration, 2 usage, 3 cannot bind, 4 store.\n\n"
            "Example:\n  mesh run --config mesh.yaml");
        command->callback(
            [this] { command_ = [this] { return app::run(common_.config, last_good_); }; });
    }

    void add_check() {
        auto* const command =
            app_.add_subcommand("check", "Validate everything that needs no network");
        take_config(*command);
        take_json(*command);
        command->add_flag("--no-secrets",
                          check_.no_secrets,
                          "Unset variables and missing key files are warnings");
        command
            ->add_option("--labels",
                         check_.labels,
                         "Check a container's labels too: YAML, a Compose file, or lines of "
                         "key=value; may be repeated")
            ->type_name("FILE")
            ->allow_extra_args(false);
        command
            ->add_option("--tags", check_.tags, "Check a service's tags too: JSON; may be repeated")
            ->type_name("FILE")
            ->allow_extra_args(false);
        command
            ->add_option("--prefix",
                         check_.prefixes,
                         "What labels and tags begin with, in any case; several with commas, \"\" "
                         "for none")
            ->type_name("PREFIX")
            ->delimiter(',')
            ->allow_extra_args(false)
            ->capture_default_str();
        command
            ->add_option("--explain",
                         check_.explain,
                         "Say which way a client's connection goes that asks for this name: entry "
                         "point, router, TLS options, certificate, servers")
            ->type_name("NAME[:PORT]");
        command->footer(
            "Exit code 1 if there is an error, or no router takes the name to be explained. What "
            "the\n"
            "findings mean: docs/findings.md, by their code in --json.\n\n"
            "Examples:\n  mesh check --config mesh.yaml --json\n"
            "  mesh check --explain shop.example:443\n"
            "  mesh check --labels compose.yaml --prefix mesh,traefik");
        command->callback([this] { command_ = [this] { return check(common_, check_); }; });
    }

    void add_plan() {
        auto* const command = app_.add_subcommand(
            "plan", "Show which certificates are wanted, stored, and what happens next");
        take_config(*command);
        take_json(*command);
        add_planned_flag(*command, "--probe");
        command->footer("Contacts nobody.\n\nExample:\n  mesh plan --config mesh.yaml");
        command->callback([this] { command_ = [this] { return plan(common_); }; });
    }

    /// Commands to the running process.
    void add_process() {
        auto* const reload_command = app_.add_subcommand(
            "reload", "Let the running mesh read its configuration again, and wait for it");
        take_config(*reload_command);
        take_json(*reload_command);
        reload_command->footer(
            "The file is applied whole or not at all. Exit codes: 0 applied, 1 refused (the\n"
            "findings are those of mesh check), 3 no running process. SIGHUP does the same.\n\n"
            "Example:\n  mesh check && mesh reload");
        reload_command->callback([this] { command_ = [this] { return reload(common_); }; });

        add_upgrade();

        auto* const status_command =
            app_.add_subcommand("status", "The running mesh, its configuration and certificates");
        take_config(*status_command);
        take_json(*status_command);
        status_command->footer(
            "With nobody running it says so, and what the store has.\n\n"
            "Example:\n  mesh status --json");
        status_command->callback([this] { command_ = [this] { return status(common_); }; });

        auto* const health_command = app_.add_subcommand("health", "Whether mesh runs and answers");
        take_config(*health_command);
        take_json(*health_command);
        health_command->footer(
            "Exit codes: 0 it runs, answers and takes connections, 1 not. Certificates are the\n"
            "affair of mesh certs check.\n\nExample:\n  mesh health --config mesh.yaml");
        health_command->callback([this] { command_ = [this] { return health(common_); }; });
    }

    void add_upgrade() {
        auto* const command = app_.add_subcommand(
            "upgrade",
            "Let another process take the running mesh's place, without losing a connection");
        take_config(*command);
        take_json(*command);
        command
            ->add_option("--binary",
                         upgrade_.binary,
                         "The program (default: the file that the running mesh was started from)")
            ->type_name("PATH");
        command
            ->add_option("--timeout",
                         upgrade_.timeout_seconds,
                         "Seconds that the new process has to get ready; else the old one goes on")
            ->check(CLI::Range(1, 45))
            ->capture_default_str()
            ->type_name("SECONDS");
        command->footer(
            "The running process stays until its last connection ends. Where the new one does not\n"
            "get ready, nothing changes. Exit codes: 0 upgraded, 1 not, and why, 3 no running "
            "process.\n\n"
            "Example:\n  mesh upgrade --binary /usr/local/bin/mesh");
        command->callback([this] { command_ = [this] { return upgrade(common_, upgrade_); }; });
    }

    void add_certs() {
        auto* const certs = app_.add_subcommand("certs", "Look at, import and renew certificates");
        certs->require_subcommand(1);
        certs->footer("Example:\n  mesh certs list --config mesh.yaml");

        auto* const list = certs->add_subcommand("list", "All certificates wanted or stored");
        take_config(*list);
        take_json(*list);
        list->footer("Example:\n  mesh certs list --json");
        list->callback([this] { command_ = [this] { return certs_list(common_); }; });

        auto* const show = certs->add_subcommand("show", "The whole story of one certificate");
        take_config(*show);
        take_json(*show);
        show->add_option("NAME", name_, "A host name in the certificate")->required();
        show->footer("Example:\n  mesh certs show shop.example");
        show->callback([this] { command_ = [this] { return certs_show(common_, name_); }; });

        add_import(*certs);
        add_renew(*certs);
        add_certs_check(*certs);
        for (const char* const name : planned_certs) add_planned(*certs, name);
    }

    void add_import(CLI::App& certs) {
        auto* const command = certs.add_subcommand(
            "import", "Take over certificates: they are served, and renewed when due");
        take_config(*command);
        take_json(*command);
        command
            ->add_option("--resolver",
                         import_.resolver,
                         "certResolver they belong to (needed with several resolvers)")
            ->type_name("NAME");
        auto* const file =
            command->add_option("ACME_JSON", import_.acme_json, "A Traefik acme.json");
        auto* const cert =
            command->add_option("--cert", import_.cert, "PEM chain, leaf first")->type_name("FILE");
        auto* const key =
            command->add_option("--key", import_.key, "PEM private key")->type_name("FILE");
        auto* const folder =
            command->add_option("--dir", import_.directory, "Folder of pairs: X.crt and X.key")
                ->type_name("DIR");
        cert->needs(key);
        key->needs(cert);
        for (auto* const other : {cert, folder}) file->excludes(other);
        cert->excludes(folder);
        command->footer(
            "Examples:\n  mesh certs import acme.json --resolver le\n"
            "  mesh certs import --cert shop.pem --key shop.key");
        command->callback([this] {
            if (import_.acme_json.empty() && import_.cert.empty() && import_.directory.empty())
                throw CLI::RequiredError("one of ACME_JSON, --cert with --key, --dir");
            command_ = [this] { return certs_import(common_, import_); };
        });
    }

    void add_store() {
        auto* const store = app_.add_subcommand("store", "Check and copy the certificate store");
        store->require_subcommand(1);
        store->footer("Both work beside a running mesh.\n\nExample:\n  mesh store check");

        auto* const check = store->add_subcommand(
            "check", "Look for damage: the database, and every certificate with its key");
        take_config(*check);
        take_json(*check);
        check->footer(
            "One line per finding. Exit code 0 sound, 1 damaged, 4 it cannot be looked at.\n\n"
            "Example:\n  mesh store check --config mesh.yaml");
        check->callback([this] { command_ = [this] { return store_check(common_); }; });

        auto* const backup = store->add_subcommand("backup", "Copy the store as it is now");
        take_config(*backup);
        take_json(*backup);
        backup->add_option("FILE", backup_file_, "The new file; it holds private keys (0600)")
            ->required();
        backup->footer(
            "Exit code 2 if FILE exists or belongs to the store, 4 if it cannot be copied.\n\n"
            "Example:\n  mesh store backup /var/backups/mesh.db");
        backup->callback(
            [this] { command_ = [this] { return store_backup(common_, backup_file_); }; });
    }

    void add_renew(CLI::App& certs) {
        auto* const command =
            certs.add_subcommand("renew", "Order certificates now, whatever the schedule says");
        take_config(*command);
        take_json(*command);
        command->add_option("NAME", renew_.names, "A host name in the certificate");
        command->add_flag("--failed", renew_.failed, "All whose last attempt failed");
        command->footer(
            "Ends the waits mesh made up itself. What the CA asked to wait goes on; the answer\n"
            "says until when. Exit codes: 0, 1 something was refused, 3 no running process.\n\n"
            "Examples:\n  mesh certs renew shop.example\n  mesh certs renew --failed");
        command->callback([this] {
            if (renew_.names.empty() && !renew_.failed)
                throw CLI::RequiredError("NAME or --failed");
            command_ = [this] { return certs_renew(common_, renew_); };
        });
    }

    void add_certs_check(CLI::App& certs) {
        auto* const command = certs.add_subcommand(
            "check", "Say of each wanted certificate how much of its life is left");
        take_config(*command);
        take_json(*command);
        command->add_option("--warn", certs_check_.warn, "WARNING below this part of its life")
            ->capture_default_str()
            ->type_name("PERCENT");
        command->add_option("--crit", certs_check_.crit, "CRITICAL below this part of its life")
            ->capture_default_str()
            ->type_name("PERCENT");
        command->footer(
            "A plug-in for monitoring. A missing or expired certificate is critical. Exit codes:\n"
            "0 all are well, 1 WARNING, 2 CRITICAL, 3 it cannot be told. Asks the running mesh,\n"
            "else looks into the store.\n\n"
            "Example:\n  mesh certs check --warn 20% --crit 10%");
        command->callback(
            [this] { command_ = [this] { return certs_check(common_, certs_check_); }; });
    }

    static void add_planned(CLI::App& parent, const std::string& name) {
        auto* const command = parent.add_subcommand(name, "");
        command->group("");  // not in the help
        command->allow_extras();
        command->callback([name] {
            throw CLI::ValidationError(name, "this command is not supported in this version");
        });
    }

    static void add_planned_flag(CLI::App& command, const std::string& name) {
        command
            .add_flag_callback(name,
                               [name] {
                                   throw CLI::ValidationError(
                                       name, "this option is not supported in this version");
                               })
            ->group("");  // not in the help
    }

    CLI::App app_;
    Common common_;
    bool last_good_ = false;
    CheckOptions check_;
    ImportOptions import_;
    RenewOptions renew_;
    CertsCheckOptions certs_check_;
    UpgradeOptions upgrade_;
    std::string name_;
    std::string backup_file_;
    std::function<int()> command_;
};

}  // namespace

int main(int argc, char** argv) {
    try {
        return CommandLine().run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "mesh: internal error: %s\n", error.what());
        return 70;
    }
}

}  // namespace mesh::cli
