#pragma once
#include "control/order_run.hpp"
#include "model/wanted.hpp"
#include "store/records.hpp"

#include <memory>
#include <optional>

namespace mesh::control {

/// Everything known of one certificate while the process lives.
struct CertificateItem {
    ItemId id = 0;
    store::StoredCertificate stored;
    bool has_row = false;                            ///< the store knows `stored.record.key`
    std::optional<model::WantedCertificate> wanted;  ///< nothing: no router wants it
    std::optional<store::OrderRecord> order;         ///< an open order nobody drives now
    std::shared_ptr<OrderRun> run;                   ///< the order being driven
    bool committing = false;                         ///< a new version is on its way to the disk
    bool removal_confirmed = false;                  ///< its deletion was due an hour ago already
    /// Under which it is served while the first version cannot be committed; 0: it is not.
    certs::CertificateId temporary_id = 0;

    [[nodiscard]] bool order_open() const { return run != nullptr || order.has_value(); }
};

}  // namespace mesh::control
