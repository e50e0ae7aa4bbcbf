#include "providers/endpoint.hpp"

#include "support/catch.hpp"

namespace mesh::providers {
namespace {

TEST_CASE("endpoint: a request has its socket, its trust and the certificate of mesh") {
    const model::ProviderEndpoint local{"http://docker", "/run/docker.sock", {}, {}, {}};
    const http::Request asked = get(local, "/version?a=b");
    CHECK(asked.method == http::Method::get);
    CHECK(asked.url == "http://docker/version?a=b");
    CHECK(asked.unix_socket == "/run/docker.sock");
    CHECK_FALSE(asked.https_only);
    CHECK(asked.direct);
    CHECK(describe(local) == "unix:///run/docker.sock");

    const model::ProviderEndpoint remote{
        "https://consul.internal:8501", {}, {"/ca.pem"}, "/cert.pem", "/key.pem"};
    const http::Request secured = get(remote, "/v1/agent/self");
    CHECK(secured.url == "https://consul.internal:8501/v1/agent/self");
    CHECK(secured.trust == http::Trust{false, {"/ca.pem"}});
    CHECK(secured.client_certificate == http::ClientCertificate{"/cert.pem", "/key.pem"});
    CHECK(secured.direct);
    CHECK(describe(remote) == "https://consul.internal:8501");

    const http::Request by_system = get({"https://a", {}, {}, {}, {}}, "/");
    CHECK(by_system.trust == http::Trust{true, {}});
}

}  // namespace
}  // namespace mesh::providers
