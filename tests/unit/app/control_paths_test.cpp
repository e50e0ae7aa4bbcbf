#include "app/control_paths.hpp"

#include "support/catch.hpp"

using namespace mesh::app;

TEST_CASE("control paths: beside the store, unless systemd gives a folder") {
    CHECK(control_paths("/var/lib/mesh/mesh.db", "").socket == "/var/lib/mesh/mesh.db.sock");
    CHECK(control_paths("/var/lib/mesh/mesh.db", "").link.empty());

    const ControlPaths paths = control_paths("/var/lib/mesh/mesh.db", "/run/mesh:/run/other");
    CHECK(paths.socket == "/run/mesh/mesh.sock");
    CHECK(paths.link == "/var/lib/mesh/mesh.db.sock");
}

TEST_CASE("control paths: a command looks in systemd's folder, then beside the store") {
    CHECK(control_candidates("/s.db", "/run/other") ==
          std::vector<std::string>{"/run/other/mesh.sock", "/s.db.sock", "/run/mesh/mesh.sock"});
    CHECK(control_candidates("/s.db", "") ==
          std::vector<std::string>{"/s.db.sock", "/run/mesh/mesh.sock"});
    CHECK(control_candidates("", "") == std::vector<std::string>{"/run/mesh/mesh.sock"});
}
