#pragma once
#include <optional>
#include <string>
#include <vector>

namespace mesh::cli {

/// What every command takes.
struct Common {
    std::string config;  ///< path of the configuration file
    bool json = false;
};

struct CheckOptions {
    bool no_secrets = false;          ///< unset variables and missing key files are warnings
    std::vector<std::string> labels;  ///< files with labels of a container
    std::vector<std::string> tags;    ///< files with tags of a service
    std::vector<std::string> prefixes = {"mesh"};
    std::optional<std::string> explain;  ///< NAME[:PORT] to say the way of
};

struct ImportOptions {
    std::string resolver;   ///< empty: the only one there is
    std::string acme_json;  ///< a Traefik store
    std::string cert;
    std::string key;
    std::string directory;  ///< a folder of pairs
};

struct RenewOptions {
    std::vector<std::string> names;
    bool failed = false;
};

struct CertsCheckOptions {
    std::string warn = "20%";
    std::string crit = "10%";
};

struct UpgradeOptions {
    std::string binary;  ///< empty: the file the running mesh was started from
    unsigned timeout_seconds = 45;
};

[[nodiscard]] int check(const Common& common, const CheckOptions& options);
[[nodiscard]] int plan(const Common& common);
[[nodiscard]] int certs_list(const Common& common);
[[nodiscard]] int certs_show(const Common& common, const std::string& name);
[[nodiscard]] int certs_check(const Common& common, const CertsCheckOptions& options);
[[nodiscard]] int certs_renew(const Common& common, const RenewOptions& options);
[[nodiscard]] int status(const Common& common);
[[nodiscard]] int health(const Common& common);
[[nodiscard]] int reload(const Common& common);
[[nodiscard]] int upgrade(const Common& common, const UpgradeOptions& options);
[[nodiscard]] int certs_import(const Common& common, const ImportOptions& options);

[[nodiscard]] int store_check(const Common& common);
/// `file`: the new file, absolute or from the working folder.
[[nodiscard]] int store_backup(const Common& common, const std::string& file);

}  // namespace mesh::cli
