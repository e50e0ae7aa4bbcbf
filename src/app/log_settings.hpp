#pragma once
#include "base/result.hpp"
#include "model/configuration.hpp"
#include "observe/log_writer.hpp"

namespace mesh::app {

/// What `log` in the configuration means to the writer of this process.
[[nodiscard]] observe::LogWriterSettings log_settings(const model::LogSettings& from);

/// Opens what `log` names. Errors: the file cannot be opened.
[[nodiscard]] Result<observe::LogOutput> open_log(const model::LogSettings& from);

}  // namespace mesh::app
