#pragma once
#include "options.hpp"

namespace mesh::bench {

/// Each runs to its end and prints one JSON object; `run_idle` two, `run_backend` one when it
/// listens.
void run_connect(const Options& options);
void run_bulk(const Options& options);
void run_echo(const Options& options);
void run_idle(const Options& options);
void run_backend(const Options& options);
void run_floor(const Options& options);

}  // namespace mesh::bench
