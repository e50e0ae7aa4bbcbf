#pragma once
#include "control/order_run.hpp"
#include "model/wanted.hpp"
#include "store/records.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace mesh::control {

/// The rows of an imported certificate are on their way to the disk.
struct ImportUnderWay {
    /// What is imported under the same names meanwhile; called when this is over, with `false` when
    /// nothing may go on.
    std::vector<std::function<void(bool goes_on)>> later;
    /// The certificate's row changed meanwhile. It is written after the import's, with what that
    /// brought, lest an older back-off comes back.
    bool row_changed = false;
};

/// Everything known of one certificate while the process lives.
struct CertificateItem {
    ItemId id = 0;
    store::StoredCertificate stored;
    bool has_row = false;  ///< the store knows `stored.record.key`
    // Most have neither, and there may be a hundred thousand.
    std::unique_ptr<model::WantedCertificate> wanted;  ///< nothing: no router wants it
    std::unique_ptr<store::OrderRecord> order;         ///< an open order nobody drives now
    std::shared_ptr<OrderRun> run;                     ///< the order being driven
    bool committing = false;                           ///< a new version is on its way to the disk
    std::shared_ptr<ImportUnderWay> import;            ///< set while that version is an import's
    /// The waits the CA asked for in a row, none of them counted as a failure, and the last that
    /// was told.
    std::uint32_t waits = 0;
    std::chrono::milliseconds told_wait{0};
    /// The CA's certificates end before the one that is served does, if asked for sooner.
    std::optional<WallTime> worth_renewing_at;
    bool removal_confirmed = false;  ///< its deletion was due an hour ago already
    /// Under which it is served while the first version cannot be committed; 0: it is not.
    certs::CertificateId temporary_id = 0;

    [[nodiscard]] bool order_open() const { return run != nullptr || order != nullptr; }
};

}  // namespace mesh::control
