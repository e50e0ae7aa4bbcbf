#pragma once
#include "control/import.hpp"

#include <string>
#include <vector>

namespace mesh::control {

/// A certificate file and the key file that belongs to it by name.
struct PairFiles {
    std::string cert_file;
    std::string key_file;
};

struct FoundPairs {
    std::vector<PairFiles> pairs;       ///< by path
    std::vector<std::string> unpaired;  ///< certificate files without a key beside them
};

/// Looks through a folder and the folders in it, at most four deep and 200,000 files. Pairs:
/// X.crt, X.cer or X.pem with X.key, X-key.pem or X.key.pem; fullchain.pem with privkey.pem
/// (certbot's live/NAME); fullchain.cer with NAME.key (acme.sh); cert.pem with key.pem.
/// Errors: not a folder, not readable, too many files.
[[nodiscard]] Result<FoundPairs> find_pairs(const std::string& directory);

/// Reads both files, at most 1 MiB each. The label is the certificate file's path.
[[nodiscard]] Result<ImportItem> read_pair(const PairFiles& files);

/// A file's text, at most `size_max` bytes. Errors: not_found, permission, io, limit.
[[nodiscard]] Result<std::string> read_text_file(const std::string& path, std::size_t size_max);

}  // namespace mesh::control
