#include "modes.hpp"

#include <csignal>
#include <sys/resource.h>

namespace {

void raise_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
    const auto options = mesh::bench::parse_options(argc, argv);
    std::signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    if (options.mode == "connect")
        mesh::bench::run_connect(options);
    else if (options.mode == "bulk")
        mesh::bench::run_bulk(options);
    else if (options.mode == "echo")
        mesh::bench::run_echo(options);
    else if (options.mode == "idle")
        mesh::bench::run_idle(options);
    else if (options.mode == "backend")
        mesh::bench::run_backend(options);
    else if (options.mode == "floor")
        mesh::bench::run_floor(options);
    else
        mesh::bench::die("no mode '" + options.mode + "'; see mesh_load --help");
}
