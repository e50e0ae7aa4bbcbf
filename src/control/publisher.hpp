#pragma once
#include "base/hostname.hpp"
#include "certs/certificate_index.hpp"

#include <functional>

namespace mesh::control {

/// What the control plane tells the data plane. Implemented over proxy::DataPlane by app.
class Publisher {
 public:
    virtual ~Publisher() = default;
    virtual void put_certificate(certs::EntryPtr entry, certs::CredentialPtr credential) = 0;
    virtual void remove_certificate(certs::CertificateId id) = 0;
    /// `done` runs on the control executor when every worker answers for the name.
    virtual void put_challenge(const Hostname& name,
                               certs::CredentialPtr credential,
                               std::function<void()> done) = 0;
    virtual void remove_challenge(const Hostname& name) = 0;
};

}  // namespace mesh::control
