#pragma once
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "model/configuration.hpp"
#include "observe/log_writer.hpp"
#include "proxy/data_plane.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace mesh::app {

/// The log of connections: a thread and an output of its own, so that neither log waits for the
/// other's reader. There is nothing of it until the configuration first asks for it; from then on
/// it is switched off and on. Control thread. Must outlive the data plane.
class AccessLog {
 public:
    AccessLog(unsigned workers, const Clock& clock) : workers_(workers), clock_(clock) {}

    /// Opens what `settings` name. Errors: the file cannot be opened.
    [[nodiscard]] static Result<observe::LogOutput> open(const model::AccessLogSettings& settings);

    /// `settings` are in force from now on; none: no connection that ends from now on is told of.
    /// `opened` is their output, or nothing where that has not changed.
    void use(const std::optional<model::AccessLogSettings>& settings,
             std::optional<observe::LogOutput> opened,
             proxy::DataPlane& data_plane);
    void reopen();

    /// True where both write the same form to the same place.
    [[nodiscard]] static bool same_output(const std::optional<model::AccessLogSettings>& a,
                                          const std::optional<model::AccessLogSettings>& b);

 private:
    unsigned workers_;
    const Clock& clock_;
    std::unique_ptr<observe::LogWriter> writer_;
    std::vector<std::unique_ptr<RingLog>> logs_;  ///< one per worker
};

}  // namespace mesh::app
