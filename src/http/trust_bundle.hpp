#pragma once
#include "http/client.hpp"

#include <map>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

namespace mesh::http {

/// All certificates a Trust stands for, as one PEM text. libcurl points into it while a transfer
/// lives, hence shared.
struct TrustBundle {
    std::string pem;
    std::string description;  ///< for messages: "/etc/ssl/certs/ca-certificates.crt and /x/ca.pem"
};

/// Reads the files behind a Trust, once while they stay the same: a CA file that was replaced is
/// used by the next request. One thread.
class TrustBundles {
 public:
    /// Errors (config): a file that cannot be read, is over 4 MiB or holds no certificate;
    /// nothing to trust at all. A missing system pool is an error only where nothing else is
    /// trusted.
    [[nodiscard]] Result<std::shared_ptr<const TrustBundle>> get(const Trust& trust);

 private:
    struct Stamp {
        dev_t device = 0;
        ino_t inode = 0;
        off_t size = -1;
        std::int64_t changed_ns = 0;
        bool operator==(const Stamp&) const = default;
    };
    struct Entry {
        std::vector<Stamp> stamps;
        std::shared_ptr<const TrustBundle> bundle;
    };
    [[nodiscard]] static Stamp stamp(const std::string& path);

    std::map<Trust, Entry> entries_;
};

/// The file with the system's trusted certificates: $SSL_CERT_FILE, else where libcurl was built
/// to look, else the usual places. Empty: none there.
[[nodiscard]] std::string system_pool_path();

}  // namespace mesh::http
