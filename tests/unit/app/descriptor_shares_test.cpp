// What a process with so many descriptors may use them for.
#include "app/process.hpp"
#include "proxy/health_checks.hpp"
#include "support/catch.hpp"

using namespace mesh::app;

TEST_CASE("descriptors: connections and health checks never want more than there are",
          "[descriptors]") {
    for (const std::size_t descriptors : {80U, 256U, 1'024U, 4'096U, 20'000U, 1'048'576U}) {
        CAPTURE(descriptors);
        const DescriptorShares shares = share_out(descriptors);
        CHECK(shares.checks >= 1);
        CHECK(shares.connections >= 1);
        CHECK(shares.checks <= mesh::proxy::HealthChecks::at_once_max);
        CHECK(2 * shares.connections + 2 * shares.pipes + shares.checks + 64 <= descriptors);
    }
    CHECK(share_out(1'024).connections == 440);
    CHECK(share_out(1'024).checks == 64);
    CHECK(share_out(20'000).checks == mesh::proxy::HealthChecks::at_once_max);
    CHECK(share_out(16).connections == 1);
    CHECK(share_out(0).checks == 1);
}
