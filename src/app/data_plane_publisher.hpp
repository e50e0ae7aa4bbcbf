#pragma once
#include "base/crash_point.hpp"
#include "base/executor.hpp"
#include "control/publisher.hpp"
#include "proxy/data_plane.hpp"

namespace mesh::app {

/// Hands the control plane's results to the workers.
class DataPlanePublisher final : public control::Publisher {
 public:
    DataPlanePublisher(proxy::DataPlane& data_plane, Executor& control)
        : data_plane_(data_plane), control_(control) {}

    void put_certificate(certs::EntryPtr entry, certs::CredentialPtr credential) override {
        crash_point("before-publish", "certificate");
        data_plane_.put_certificate(entry, credential);
        crash_point("after-publish", "certificate");
    }
    void remove_certificate(certs::CertificateId id) override {
        data_plane_.remove_certificate(id);
    }
    void put_challenge(const Hostname& name,
                       certs::CredentialPtr credential,
                       std::function<void()> done) override {
        crash_point("before-publish", "challenge");
        data_plane_.put_challenge(name, credential, [this, done = std::move(done)] {
            crash_point("after-publish", "challenge");
            control_.post(done);
        });
    }
    void remove_challenge(const Hostname& name) override { data_plane_.remove_challenge(name); }

 private:
    proxy::DataPlane& data_plane_;
    Executor& control_;
};

}  // namespace mesh::app
