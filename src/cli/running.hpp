#pragma once
#include "base/result.hpp"
#include "control/plan.hpp"
#include "ipc/client.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace mesh::cli {

/// A certificate from a file, as the running process has it.
struct ServedFile {
    std::string file;
    std::vector<std::string> names;
    WallTime not_before;
    WallTime not_after;
};

/// All certificates of a running process.
struct LiveCertificates {
    int pid = 0;
    std::vector<control::PlanLine> lines;
    std::vector<ServedFile> files;
};

/// The mesh that runs on a configuration, reached through its control socket.
class Running {
 public:
    using Json = nlohmann::ordered_json;
    /// An object without "error".
    struct Answer {
        Json json;
    };

    /// `storage`: of the configuration, for the place of the socket; may be empty. Errors:
    /// not_found (nobody listens, or somebody with another configuration; the message says where
    /// was looked), permission, io.
    [[nodiscard]] static Result<Running> find(const std::string& config,
                                              const std::string& storage);

    /// Sends a command and returns its answer. Errors: those of the process, in its words, as
    /// invalid; timeout, closed, io.
    [[nodiscard]] Result<Answer> ask(Json request,
                                     std::chrono::milliseconds timeout = std::chrono::seconds{70});
    /// All of them, or those that have `name`.
    [[nodiscard]] Result<LiveCertificates> certificates(const std::string& name = {});

 private:
    Running(ipc::Client client, std::string config)
        : client_(std::move(client)), config_(std::move(config)) {}

    ipc::Client client_;
    std::string config_;
};

/// The store of a configuration file that need not be valid, and whose secrets need not be at hand;
/// empty if that cannot be told.
[[nodiscard]] std::string storage_of(const std::string& config);

}  // namespace mesh::cli
